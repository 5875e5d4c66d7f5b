"""django-oauth-toolkit with the clients of a file, on loopback: django_toolkit.py PORT CLIENTS

The toolkit has its tokens in a database (here SQLite, in memory) and knows no client that proves itself by a key.
"""

import json
import sys
from wsgiref.simple_server import make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

PORT, SETUP = int(sys.argv[1]), json.load(open(sys.argv[2], encoding="utf-8"))

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    OAUTH2_PROVIDER={"ACCESS_TOKEN_EXPIRE_SECONDS": 300, "SCOPES": {"run": "Start runs"}},
    ROOT_URLCONF=__name__,
    SECRET_KEY="of this test",
    USE_TZ=True,
)
django.setup()
urlpatterns = [path("o/", include("oauth2_provider.urls", namespace="oauth2_provider"))]
call_command("migrate", verbosity=0)

from oauth2_provider.models import Application  # noqa: E402: there are no models before setup()

for client in SETUP["clients"]:
    if "secret" in client:
        Application.objects.create(client_id=client["id"], client_secret=client["secret"], client_type="confidential",
                                   authorization_grant_type="client-credentials")
make_server("127.0.0.1", PORT, get_wsgi_application()).serve_forever()
