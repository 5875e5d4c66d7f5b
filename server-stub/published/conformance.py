"""Starts server-stub on free ports and has arp-conformance check its Run Gateway and its Run Coordinator; see
conformance.sh."""

import json
import os
import ssl
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

from services import clean_environment, unwind_on_termination

# arp-conformance names its schemas arp://…, and urljoin joins names of known schemes only: without this it
# cannot find its own schemas ("Unresolvable: status.schema.json").
urllib.parse.uses_relative.append("arp")
urllib.parse.uses_netloc.append("arp")

TIER = "surface"  # which runs smoke first
# The services, and how many checks there are of each.
CHECKS = {"gateway": 7, "coordinator": 11}


def token(issuer, audience, ca_file):
    """A token for a service, as a client of the realm gets it."""
    form = {"grant_type": "client_credentials", "client_id": "jarvis-node",
            "client_secret": "jarvis-node-secret", "audience": audience}
    url = issuer + "/protocol/openid-connect/token"
    data = urllib.parse.urlencode(form).encode()
    context = ssl.create_default_context(cafile=ca_file)
    with urllib.request.urlopen(url, data, timeout=30, context=context) as answer:
        return json.load(answer)["access_token"]


def check(service, where, ca_file):
    """How many checks of the service pass, of those that were made; all are printed."""
    os.environ["SSL_CERT_FILE"] = ca_file  # which the checks' HTTP client reads
    from arp_conformance.api import run

    bearer = {"Authorization": "Bearer " + token(where["sts"], f"arp-run-{service}", ca_file)}
    report = run(service=f"run-{service}", base_url=where[service], tier=TIER, headers=bearer)
    passed = 0
    for result in report.results:
        print(result.status.value, result.check_id, result.name, result.message)
        for error in result.errors:
            print("    ", error)
        passed += result.status.value == "PASS"
    # What --strict adds: neither warnings nor skipped checks.
    return passed if report.ok_strict() else -1, len(report.results)


def main(stub):
    with tempfile.TemporaryDirectory() as directory:
        process = subprocess.Popen([stub, "--listen", "127.0.0.1:0", "--dir", directory],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=clean_environment())
        try:
            where = json.loads(process.stdout.readline())
            ca_file = os.path.join(directory, "ca.pem")
            made = {service: check(service, where, ca_file) for service in CHECKS}
        finally:
            process.terminate()
            process.wait(timeout=30)
    for service, (passed, of) in made.items():
        print(f"{service}: {passed} of {of} checks passed")
    return 0 if made == {service: (checks, checks) for service, checks in CHECKS.items()} else 1


if __name__ == "__main__":
    unwind_on_termination()
    sys.exit(main(sys.argv[1]))
