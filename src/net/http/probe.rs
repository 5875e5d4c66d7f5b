//! The probe: a cheap request that shows whether the server answers, before it is asked for more.

use std::time::{Duration, Instant};

use node_core::trouble::Trouble;

use super::{HttpClient, HttpError, HttpResponse};
use crate::net::tls::{Chain, Purpose};

impl HttpClient {
    /// Sends `GET /health` without a secret and waits at most `patience`. The response has no body. It is `None` if
    /// somebody answered in another way, such as with a wrong certificate, or if the time by which certificates are
    /// judged is not known yet.
    ///
    /// # Errors
    /// The server cannot be reached, cuts the connection, or does not answer in time.
    pub(crate) fn probe(&self, patience: Duration) -> Result<Option<HttpResponse>, Trouble> {
        if !self.tls.knows_time() {
            return Ok(None);
        }
        let end = Instant::now() + self.timeout.min(patience);
        match self.get_head(end).map_err(|unanswered| unanswered.trouble) {
            Ok(response) => Ok(Some(response)),
            Err(trouble) if trouble.kind.is_away() || trouble.kind.is_no_answer() => Err(trouble),
            Err(_) => Ok(None),
        }
    }

    /// Sends `GET /health` without a secret, to see how far a request gets. The response has no body.
    ///
    /// # Errors
    /// The reason why there is no response, which is not [`sent`](HttpError::sent) if the server did not prove itself.
    pub(crate) fn look(&self) -> Result<HttpResponse, HttpError> {
        let end = Instant::now() + self.timeout;
        if !self.tls.knows_time() {
            self.learn_time(end).map_err(|trouble| HttpError { trouble, sent: true })?;
        }
        self.get_head(end)
    }

    /// From now on notes the chain of certificates that the server is accepted by.
    pub(crate) fn note_chain(&self) {
        self.tls.note_chain();
    }

    /// The chain that was last accepted, if that is noted.
    pub(crate) fn chain(&self) -> Option<Chain> {
        self.tls.chain()
    }

    fn get_head(&self, end: Instant) -> Result<HttpResponse, HttpError> {
        let (head, _) = self.get_health(Purpose::Calls, end)?.into_parts();
        Ok(HttpResponse { status: head.status.as_u16(), headers: head.headers, body: Vec::new().into() })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::{io, thread};

    use node_core::service::Service;
    use node_core::trouble::TroubleKind;

    use super::*;
    use crate::net::dial::tests::held_port;
    use crate::net::service_url::ServiceUrl;
    use crate::net::tls::Tls;

    /// The status that a probe gets of a server that sends `says`, or never answers.
    fn probed(says: Option<&'static str>) -> Result<Option<u16>, TroubleKind> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a caller");
            let mut lines = BufReader::new(&stream).lines();
            let asked = lines.next().expect("a line").expect("readable");
            assert_eq!(asked, "GET /health HTTP/1.1");
            while !lines.next().expect("a line").expect("readable").is_empty() {}
            if let Some(says) = says {
                let _ = (&stream).write_all(says.as_bytes());
            } else {
                let _ = io::copy(&mut &stream, &mut io::sink());
            }
        });
        let service = ServiceUrl::parse("url", &url, false).expect("a URL");
        let long = Duration::from_secs(60);
        let client = HttpClient::new(Service::AUTH, &service, long, long, Tls::trusting(None).expect("TLS"));
        let patience = if says.is_some() { long } else { Duration::from_millis(200) };
        let probed = client.probe(patience).map_err(|trouble| trouble.kind);
        let probed = probed.map(|response| response.map(|response| response.status));
        server.join().expect("served");
        probed
    }

    #[test]
    fn probe_tells_an_answer_from_a_cut_and_from_silence() {
        for (says, told) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Ok(Some(200))),
            ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Ok(Some(404))),
            ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 9\r\n\r\nshort", Ok(Some(502))),
            ("SSH-2.0-OpenSSH_9.2\r\n", Ok(None)),
            ("", Err(TroubleKind::ClosedEarly)),
        ] {
            assert_eq!(probed(Some(says)), told, "{says}");
        }
        assert_eq!(probed(None), Err(TroubleKind::Stalled));
    }

    #[test]
    fn probe_without_listener_is_unreachable() {
        let (_held, address) = held_port();
        let url = format!("http://{address}");
        let service = ServiceUrl::parse("url", &url, false).expect("a URL");
        let long = Duration::from_secs(60);
        let client = HttpClient::new(Service::AUTH, &service, long, long, Tls::trusting(None).expect("TLS"));
        assert_eq!(client.probe(long).err().map(|trouble| trouble.kind), Some(TroubleKind::Unreachable));
    }
}
