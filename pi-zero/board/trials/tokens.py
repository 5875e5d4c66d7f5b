"""Service tokens on the board: a key made there, the token service outside, the broker, and the rights of its callers."""

import base64
import json

from .. import footprint
from ..node import AS_NODE
from ..stub import HOST_SEEN_FROM_BOARD, Stub
from .diagnosis import diagnosed

CLIENT = "jarvis-node"
AUDIENCE = "arp-run-gateway"
KEY = "/var/lib/jarvis-node-agent/sts.key"
SOCKET = "/run/jarvis-node-agent/node.sock"
CONFIG = "/etc/jarvis-node-agent/config.json"
# Two unprivileged users that every Debian has.
MAY_ASK = "daemon"
MAY_NOT = "games"


def service_tokens(report, node, stub):
    """Configures a broker, asks it as different users, and returns what it costs."""
    machine = node.machine
    with Stub(stub.directory, service="sts") as sts:
        sts.start()
        keys = json.loads(machine.read(f"{AS_NODE} jarvis-node keygen --out {KEY}"))
        report.equal("keygen on the board: the key is its owner's alone", machine.read(f"stat -c '%U %a' {KEY}"), "jarvis-node-agent 600")
        report.check("and only its public half is shown", ["d" in key or key["kty"] for key in keys["keys"]] == ["EC"], keys)
        sts.register_client_key(CLIENT, keys)
        config = json.loads(machine.read(f"cat {CONFIG}"))
        machine.write_file(CONFIG, json.dumps({**config, **with_broker(sts)}))
        node.reload()
        machine.run(f"timeout 60 sh -c 'until test -S {SOCKET}; do sleep 0.1; done'")

        token = asked(machine, MAY_ASK)
        claims = claims_of(token.output)
        report.equal("a token for who may ask, issued for", claims.get("azp"), CLIENT)
        report.check("and for the audience", AUDIENCE in claims.get("aud", ()), claims)
        diagnosis = diagnosed(report, node, MAY_ASK)
        sts.stop()
        report.equal("with the token service gone, the same again", asked(machine, MAY_ASK).output, token.output)
        refused = asked(machine, MAY_NOT)
        report.check("refused to another user, with the rule", refused.status != 0 and AUDIENCE in refused.output, refused.output)
        secrets = "grep -c -e BEGIN -e eyJ"
        report.equal("no token and no key in the journal", machine.read(f"journalctl -u jarvis-node-agent -o cat | {secrets}", check=False), "0")
        rows = [*diagnosis, *footprint.measure_broker(node)]
        machine.write_file(CONFIG, json.dumps(config))
        node.reload()
    return rows


def with_broker(sts):
    """The configuration's part about tokens. As Keycloak's, the issuer is called by the address that it is reached by."""
    return {
        "sts": {
            "issuer": sts.announced.replace("127.0.0.1", HOST_SEEN_FROM_BOARD),
            "client_id": CLIENT,
            "client_key_file": KEY,
            "audiences": {AUDIENCE: {"users": [MAY_ASK]}},
        },
        "broker": {"socket": SOCKET},
    }


def asked(machine, user):
    """The exit status and output of `jarvis-node token` for a program of this user."""
    return machine.run(
        f"setpriv --reuid {user} --regid {user} --clear-groups jarvis-node token --audience {AUDIENCE} 2>&1", check=False
    )


def claims_of(token):
    """The claims of a token, or nothing if it is not one."""
    parts = token.strip().split(".")
    if len(parts) != 3:
        return {}
    return json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
