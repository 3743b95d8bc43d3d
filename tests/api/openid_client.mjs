// The flow by npm's openid-client: prints the address to open, reads the address it came back to, prints the tokens.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const [folder, server, id, secret, back] = process.argv.slice(2);
const client = await import(pathToFileURL(join(folder, "build/index.js")).href);
const config = await client.discovery(new URL(server), id, undefined, client.ClientSecretBasic(secret), {
  algorithm: "oauth2", execute: [client.allowInsecureRequests],
});
const verifier = client.randomPKCECodeVerifier();
const state = client.randomState();
console.log(client.buildAuthorizationUrl(config, {
  redirect_uri: back, scope: "profiles:read me:read", state,
  code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
}).href);
const lines = createInterface({ input: process.stdin });
const came = (await lines[Symbol.asyncIterator]().next()).value;
lines.close();
const made = await client.authorizationCodeGrant(config, new URL(came), {
  pkceCodeVerifier: verifier, expectedState: state,
});
const again = await client.refreshTokenGrant(config, made.refresh_token);
console.log(JSON.stringify({ access: made.access_token, refreshed: again.access_token }));
