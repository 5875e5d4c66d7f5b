"""LemonLDAP::NG's portal with the clients of a file, on loopback: lemonldap.py PORT CLIENTS FOLDER ROOT

ROOT is where Debian's packages are unpacked, FOLDER is for the configuration and the sessions.
"""

import json
import os
import sys
from pathlib import Path

from debian import command, perl_modules

PORT, SETUP = int(sys.argv[1]), json.load(open(sys.argv[2], encoding="utf-8"))
FOLDER, ROOT = Path(sys.argv[3]), Path(sys.argv[4])


def relying_party(client):
    """A client. Version 2.16 does not know the option Jwks."""
    option = "oidcRPMetaDataOptions"
    proof = {option + "Jwks": json.dumps({"keys": [client["key"]]})} if "key" in client else {
        option + "ClientSecret": client["secret"]}
    return {
        option + "ClientID": client["id"], **proof,
        option + "AllowClientCredentialsGrant": 1, option + "AccessTokenJWT": 1, option + "AccessTokenSignAlg": "RS256",
        option + "AdditionalAudiences": SETUP["audience"],
    }


def configuration():
    sessions = {"Directory": str(FOLDER), "LockDirectory": str(FOLDER)}
    parties = {client["id"]: relying_party(client) for client in SETUP["clients"]}
    return {
        "cfgNum": 1, "cfgDate": 1, "cfgVersion": "2.16.1", "portal": f"http://127.0.0.1:{PORT}/", "domain": "127.0.0.1",
        "securedCookie": 0, "key": "of this test", "authentication": "Null", "userDB": "Null", "passwordDB": "Null",
        "registerDB": "Null", "whatToTrace": "_whatToTrace", "macros": {"_whatToTrace": "$_auth"},
        "globalStorage": "Apache::Session::File", "globalStorageOptions": sessions,
        "persistentStorage": "Apache::Session::File", "persistentStorageOptions": sessions,
        "issuerDBOpenIDConnectActivation": 1, "oidcServiceAccessTokenExpiration": 300,
        "oidcServicePrivateKeySig": SETUP["signing_key"], "oidcServicePublicKeySig": SETUP["signing_key_public"],
        "oidcServiceKeyIdSig": "server", "oidcRPMetaDataOptions": parties,
        "oidcRPMetaDataExportedVars": {party: {} for party in parties}, "locationRules": {}, "exportedHeaders": {},
    }


(FOLDER / "lmConf-1.json").write_text(json.dumps(configuration()), encoding="utf-8")
(FOLDER / "lemonldap.ini").write_text(f"""[all]
logLevel = warn
logger = Lemonldap::NG::Common::Logger::Std
userLogger = Lemonldap::NG::Common::Logger::Std
[configuration]
type = File
dirName = {FOLDER}
localStorage = Cache::FileCache
localStorageOptions = {{ 'namespace' => 'configuration', 'cache_root' => '{FOLDER}/cache' }}
[portal]
templateDir = {ROOT}/usr/share/lemonldap-ng/portal/templates
""", encoding="utf-8")
# The portal loads what draws a captcha, which needs ImageMagick, whatever is configured. No page is shown here.
(FOLDER / "portal.psgi").write_text("""BEGIN { $INC{'GD/SecurityImage.pm'} = __FILE__; sub GD::SecurityImage::import { } }
use Lemonldap::NG::Portal;
Lemonldap::NG::Portal->run({});
""", encoding="utf-8")
environment = {**os.environ, "LLNG_DEFAULTCONFFILE": f"{FOLDER}/lemonldap.ini", "PERL5LIB": perl_modules(ROOT)}
plackup = command(ROOT, "usr/bin/perl", f"{ROOT}/usr/bin/plackup", "-o", "127.0.0.1", "-p", str(PORT), f"{FOLDER}/portal.psgi")
os.execve(plackup[0], plackup, environment)
