"""Prepares a card on another computer, as a user does, for a board that trusts our stub."""

import json

from .card import REPOSITORY

CREDENTIAL = "/var/lib/jarvis-node-agent/credential.json"
CA_FILE = "/etc/jarvis-node-agent/ca.pem"


def prepared(card, stub, repository=REPOSITORY, ca_file=CA_FILE, **changes):
    """Installs the program of a repository on the card with the stub's keys and certificate. The configuration is the
    shipped example, filled in."""
    config = json.loads((repository / "systemd/config.example.json").read_text(encoding="utf-8"))
    recommended = stub.config()
    config.update(
        auth_url=stub.url(), service_id=recommended["service_id"], app_id=recommended["app_id"], ca_file=ca_file, **changes
    )
    filled_in = stub.directory / f"config-{card.name}.json"
    filled_in.write_text(json.dumps(config), encoding="utf-8")
    card.install(
        program=repository / "target/pi-zero/jarvis-node",
        repository=repository,
        config=filled_in,
        app_key=stub.directory / "app.key",
        credential=stub.directory / "credential.json",
        ca=stub.directory / "ca.pem",
    )
    return card
