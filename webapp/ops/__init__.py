"""What an operator does from the command line: serve, work, back up, restore, check. Nothing here answers a request."""
