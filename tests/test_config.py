"""The environment: defaults, every refusal, all problems at once, the key file."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import ConfigError
from webapp.config import Config, is_loopback, is_weak

STRONG = "q8Zt4Yx1Lm9Pr3Ws7Vu2Nk6Jh5Gf0DdE"


def problems(environ: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        Config.from_env(environ)
    return str(caught.value)


def test_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = Config.from_env({"SECRET_KEY": STRONG})
    assert config.database_url == "sqlite:///data/vitrine.db"
    assert config.base_url == "http://127.0.0.1:8000"
    assert config.smtp_url is None
    assert config.trusted_proxies == 0
    assert config.hosts == {"localhost", "127.0.0.1", "::1"}
    assert not config.is_https


def test_all_problems_are_told_at_once(tmp_path):
    text = problems({
        "DATA_DIR": str(tmp_path), "BASE_URL": "ftp://x", "DATABASE_URL": "mysql://x", "SMTP_URL": "http://x",
        "REDIS_URL": "http://x", "TRUSTED_PROXIES": "many", "VITRINE_PLUGINS_DIR": str(tmp_path / "no"),
        "SECURITY_CONTACT": "me",
    })
    for name in (
        "BASE_URL", "DATABASE_URL", "SMTP_URL", "REDIS_URL", "TRUSTED_PROXIES", "VITRINE_PLUGINS_DIR",
        "SECURITY_CONTACT", "SECRET_KEY",
    ):
        assert name in text
    assert len(text.splitlines()) == 8


def test_redis_without_its_package_is_told_at_start(tmp_path, monkeypatch):
    environ = {"DATA_DIR": str(tmp_path), "SECRET_KEY": STRONG, "REDIS_URL": "redis://localhost"}
    monkeypatch.setattr("webapp.config.find_spec", lambda name: None)
    assert "vitrine[redis]" in problems(environ)
    monkeypatch.setattr("webapp.config.find_spec", lambda name: object())
    assert Config.from_env(environ).redis_url == "redis://localhost"


@pytest.mark.parametrize(("name", "value"), [
    ("DOMAIN_NAMESERVERS", "dns.example"), ("DOMAIN_NAMESERVERS", "127.0.0.1:0"), ("DOMAIN_NAMESERVERS", "[::1]:x"),
    ("DOMAIN_PRIVATE_NETWORKS", "10.0.0.1/8"), ("DOMAIN_PRIVATE_NETWORKS", "all"), ("WEBHOOK_PRIVATE_NETWORKS", "all"),
    ("DOMAIN_CA_FILE", "no-such-file"),
])
def test_how_domains_are_looked_at_is_checked_at_start(name, value, tmp_path):
    with pytest.raises(ConfigError, match=name):
        Config.from_env({"DATA_DIR": str(tmp_path), "SECRET_KEY": "k" * 40, name: value})


@pytest.mark.parametrize("value", ["many", "-1", "1e3", "²", "9" * 13])
def test_the_limit_of_reads_is_a_number(value, tmp_path):
    environ = {"DATA_DIR": str(tmp_path), "SECRET_KEY": "k" * 40}
    with pytest.raises(ConfigError, match="API_READS_PER_MINUTE"):
        Config.from_env(environ | {"API_READS_PER_MINUTE": value})
    assert Config.from_env(environ | {"API_READS_PER_MINUTE": "0"}).api_reads == 0


def test_how_domains_are_looked_at(tmp_path):
    config = Config.from_env({
        "DATA_DIR": str(tmp_path), "SECRET_KEY": "k" * 40, "DOMAIN_NAMESERVERS": "127.0.0.1:5353, ::1,[::1]:53",
        "DOMAIN_PRIVATE_NETWORKS": "10.0.0.0/8,fd00::/8", "WEBHOOK_PRIVATE_NETWORKS": "10.1.0.0/16",
    })
    assert set(config.domain_nameservers) == {"127.0.0.1:5353", "::1", "[::1]:53"}
    assert config.domain_private_networks == ("10.0.0.0/8", "fd00::/8")
    assert config.webhook_private_networks == ("10.1.0.0/16",)


@pytest.mark.parametrize("url", [
    "http://vitrine.example", "http://10.0.0.1", "http://localhost.evil.example", "http://127.0.0.1.nip.example",
])
def test_plain_http_is_for_loopback_only(url, tmp_path):
    assert "loopback only" in problems({"DATA_DIR": str(tmp_path), "BASE_URL": url, "SECRET_KEY": STRONG})


@pytest.mark.parametrize("url", ["https://x/path", "https://x?q", "https://u@x", "https://", "https://x:port", "x"])
def test_base_url_is_scheme_and_host(url, tmp_path):
    assert "BASE_URL" in problems({"DATA_DIR": str(tmp_path), "BASE_URL": url, "SECRET_KEY": STRONG})


@pytest.mark.parametrize("key", ["short", "a" * 64, "changeme", "abcabcabc" * 9])
def test_t100_a_weak_key_is_refused_on_a_public_site(key, tmp_path):
    assert is_weak(key)
    environ = {"DATA_DIR": str(tmp_path), "SECRET_KEY": key}
    assert "too weak" in problems({**environ, "BASE_URL": "https://vitrine.example"})
    assert Config.from_env(environ).secret_key == key


def test_t100_a_public_site_does_not_start_in_debug_mode(tmp_path):
    environ = {"DATA_DIR": str(tmp_path), "SECRET_KEY": STRONG, "FLASK_DEBUG": "1"}
    assert "debug mode" in problems({**environ, "BASE_URL": "https://vitrine.example"})
    assert Config.from_env(environ).secret_key == STRONG
    assert Config.from_env({**environ, "FLASK_DEBUG": "0", "BASE_URL": "https://vitrine.example"}).is_https


def test_t83_a_public_site_answers_to_its_own_name_only(tmp_path):
    config = Config.from_env({"DATA_DIR": str(tmp_path), "SECRET_KEY": STRONG, "BASE_URL": "https://v.example:8443"})
    assert config.hosts == {"v.example"}


def test_init_makes_a_key_that_only_the_operator_reads(tmp_path):
    environ = {"DATA_DIR": str(tmp_path / "data"), "BASE_URL": "https://vitrine.example"}
    assert "vitrine init" in problems(environ)
    config = Config.from_env(environ, make_key=True)
    file = tmp_path / "data" / "secret.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    assert not is_weak(config.secret_key)
    assert Config.from_env(environ) == config
    assert Config.from_env(environ, make_key=True) == config
    file.chmod(0o644)
    assert "chmod 600" in problems(environ)


def test_a_key_file_that_cannot_be_used(tmp_path):
    file = tmp_path / "key"
    environ = {"DATA_DIR": str(tmp_path), "SECRET_KEY_FILE": str(file)}
    assert "SECRET_KEY" in problems(environ)
    file.touch(0o600)
    assert "is empty" in problems(environ)
    file.write_bytes(b"\xff\xfe")
    assert "cannot be read" in problems(environ)
    assert "not both" in problems({**environ, "SECRET_KEY": STRONG})


def test_no_problem_names_the_key(tmp_path):
    text = problems({"DATA_DIR": str(tmp_path), "SECRET_KEY": "hunter2", "BASE_URL": "https://x.example"})
    assert "hunter2" not in text


@given(st.text(max_size=40) | st.sampled_from(["http://[", "sqlite://[", "smtp://[::1", "²", "１"]))
def test_whatever_is_typed_is_refused_by_name_or_taken(text):
    """No value makes reading the environment fail in any other way."""
    environ = {
        "BASE_URL": text, "DATABASE_URL": text, "SMTP_URL": text, "REDIS_URL": text, "TRUSTED_PROXIES": text,
        "SECRET_KEY": STRONG,
    }
    with contextlib.suppress(ConfigError):
        Config.from_env(environ)


def test_loopback():
    assert all(is_loopback(host) for host in ("localhost", "127.0.0.1", "127.9.9.9", "::1", "vitrine.localhost"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "localhost.example", "10.0.0.1", ""))
