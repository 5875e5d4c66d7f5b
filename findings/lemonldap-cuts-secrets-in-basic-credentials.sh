#!/usr/bin/env bash
# LemonLDAP::NG 2.16.1 (Debian bookworm): the token endpoint reads the header of client_secret_basic up to the first "+" or "/" in its
# Base64, which are characters of that alphabet like the others, and the secret up to its first colon; nothing is form-decoded
# (RFC 6749, section 2.3.1). A right secret with "~", "?", ">" or ":" is refused or not, by where in it the character stands.
# A client should use client_secret_post there, or a secret of letters and digits.
# shellcheck source-path=SCRIPTDIR source=lemonldap.bash
source "$(dirname "${BASH_SOURCE[0]}")/lemonldap.bash"

unpack libstring-random-perl libio-string-perl
judge 'ab~ is read as ab~
abc~ is read as abc
a?b~c is read as a?b
a:b is read as a
a%3Ab is read as a%3Ab' "$(perl - <<'END'
use strict;
use warnings;
use MIME::Base64;
require Lemonldap::NG::Portal::Lib::OpenIDConnect;

# A request with the header, and a portal that logs nothing.
package Fake {
    sub new { my ($class, %self) = @_; bless {%self}, $class }
    sub authorization { $_[0]{authorization} }
    sub logger { $_[0] }
    sub param { undef }
    sub debug { }
    sub error { }
}

for my $secret (qw(ab~ abc~ a?b~c a:b a%3Ab)) {
    my $request = Fake->new(authorization => 'Basic ' . encode_base64("c:$secret", ''));
    my (undef, $read) =
        Lemonldap::NG::Portal::Lib::OpenIDConnect::getEndPointAuthenticationCredentials(Fake->new, $request);
    print "$secret is read as $read\n";
}
END
)"
