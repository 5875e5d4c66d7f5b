"""Glewlwyd with the clients of a file, on loopback: glewlwyd.py PORT CLIENTS FOLDER ROOT

ROOT is where Debian's packages are unpacked, FOLDER is for the database and the configuration. What the administration's
pages would write into the database is written here.
"""

import json
import os
import sqlite3
import sys
from pathlib import Path

from debian import command

PORT, SETUP = int(sys.argv[1]), json.load(open(sys.argv[2], encoding="utf-8"))
FOLDER, ROOT = Path(sys.argv[3]), Path(sys.argv[4])
ISSUER = f"http://127.0.0.1:{PORT}"
SCOPE = "run"


def plugin():
    """The parameters of the plugin for OpenID Connect."""
    flows = ("code", "token", "id-token", "none", "password", "device", "refresh")
    return {
        "iss": ISSUER, "jwt-type": "rsa", "jwt-key-size": "256", "key": SETUP["signing_key"], "cert": SETUP["signing_key_public"],
        "access-token-duration": 300, "refresh-token-duration": 300, "code-duration": 300, "refresh-token-rolling": False,
        "allow-non-oidc": True, "auth-type-client-enabled": True, **{f"auth-type-{flow}-enabled": False for flow in flows},
        "client-jwks-parameter": "jwks", "request-parameter-allow": True, "subject-type": "public",
        "scope": [{"name": SCOPE}], "resource-allowed": True, "resource-scope": {SCOPE: [SETUP["resource"]]},
    }


def client_properties(client):
    yield "authorization_type", "client_credentials"
    if "key" in client:
        yield "token_endpoint_auth_method", "private_key_jwt"
        yield "token_endpoint_signing_alg", client["algorithm"]
        yield "jwks", json.dumps({"keys": [client["key"]]})
    else:
        yield "token_endpoint_auth_method", "client_secret_basic"
        yield "token_endpoint_auth_method", "client_secret_post"
        yield "client_secret", client["secret"]


def fill(database):
    database.executescript((ROOT / "usr/share/dbconfig-common/data/glewlwyd/install/sqlite3").read_text())
    database.execute("INSERT INTO g_plugin_module_instance (gpmi_module, gpmi_name, gpmi_parameters, gpmi_enabled)"
                     " VALUES ('oidc', 'oidc', ?, 1)", [json.dumps(plugin())])
    database.execute("INSERT INTO g_scope (gs_name, gs_password_required, gs_enabled) VALUES (?, 0, 1)", [SCOPE])
    scope = database.execute("INSERT INTO g_client_scope (gcs_name) VALUES (?)", [SCOPE]).lastrowid
    for client in SETUP["clients"]:
        row = database.execute("INSERT INTO g_client (gc_client_id, gc_confidential, gc_enabled) VALUES (?, 1, 1)",
                               [client["id"]]).lastrowid
        database.execute("INSERT INTO g_client_scope_client (gc_id, gcs_id) VALUES (?, ?)", [row, scope])
        database.executemany("INSERT INTO g_client_property (gc_id, gcp_name, gcp_value) VALUES (?, ?, ?)",
                             [(row, *property) for property in client_properties(client)])


def configuration(database_file):
    library = ROOT / "usr/lib/glewlwyd"
    values = {
        "external_url": ISSUER, "bind_address": "127.0.0.1", "api_prefix": "api", "login_url": "login.html",
        "static_files_path": ROOT / "usr/share/glewlwyd/webapp/", "cookie_domain": "127.0.0.1", "session_key": "S",
        "log_mode": "console", "log_level": "INFO", "admin_scope": "g_admin", "profile_scope": "g_profile",
        "user_module_path": library / "user", "user_middleware_module_path": library / "user_middleware",
        "client_module_path": library / "client", "user_auth_scheme_module_path": library / "scheme",
        "plugin_module_path": library / "plugin", "hash_algorithm": "SHA512",
    }
    yield f"port={PORT}\n"
    yield from (f'{name}="{value}"\n' for name, value in values.items())
    yield f'database={{ type="sqlite3" path="{database_file}" }};\n'


with sqlite3.connect(FOLDER / "glewlwyd.db") as database:
    fill(database)
database.close()
# Glewlwyd wants a folder there, and Debian's package has none.
(ROOT / "usr/lib/glewlwyd/user_middleware").mkdir(exist_ok=True)
(FOLDER / "glewlwyd.conf").write_text("".join(configuration(FOLDER / "glewlwyd.db")), encoding="utf-8")
glewlwyd = command(ROOT, "usr/bin/glewlwyd", f"--config-file={FOLDER}/glewlwyd.conf")
os.execv(glewlwyd[0], glewlwyd)
