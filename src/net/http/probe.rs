//! The probe: a cheap request that shows whether the server answers, before it is asked for more.

use std::time::{Duration, Instant};

use node_core::trouble::Trouble;

use super::HttpClient;

impl HttpClient {
    /// Sends `GET /health` without a secret and waits at most `patience`. Every response counts, and so does
    /// a closed connection: the server was there and had time.
    ///
    /// # Errors
    /// The server cannot be reached, or does not answer in time.
    pub(crate) fn probe(&self, patience: Duration) -> Result<(), Trouble> {
        if !self.tls.knows_time() {
            return Ok(());
        }
        let end = Instant::now() + self.timeout.min(patience);
        match self.get_health(self.tls.for_calls(), end).map_err(|unanswered| unanswered.trouble) {
            Err(trouble) if trouble.kind.is_no_answer() => Err(trouble),
            Ok(_) | Err(_) => Ok(()),
        }
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
    use crate::net::service_url::ServiceUrl;
    use crate::net::tls::Tls;

    /// The result of a probe of a server that sends `says`, or never answers.
    fn probed(says: Option<&'static str>) -> Result<(), TroubleKind> {
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
        server.join().expect("served");
        probed
    }

    #[test]
    fn probe_accepts_any_answer_and_reports_silence_as_stalled() {
        for says in [
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 9\r\n\r\nshort",
            "SSH-2.0-OpenSSH_9.2\r\n",
            "",
        ] {
            assert_eq!(probed(Some(says)), Ok(()), "{says}");
        }
        assert_eq!(probed(None), Err(TroubleKind::Stalled));
    }

    #[test]
    fn probe_without_listener_is_unreachable() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        drop(listener);
        let service = ServiceUrl::parse("url", &url, false).expect("a URL");
        let long = Duration::from_secs(60);
        let client = HttpClient::new(Service::AUTH, &service, long, long, Tls::trusting(None).expect("TLS"));
        assert_eq!(client.probe(long).map_err(|trouble| trouble.kind), Err(TroubleKind::Unreachable));
    }
}
