use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::thread;

use ureq::http::HeaderValue;
use ureq::http::header::AUTHORIZATION;

use super::*;

const LONG: Duration = Duration::from_secs(60);

/// A server that reads a part of one request and then runs `behave`.
fn server(behave: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        assert!(stream.read(&mut [0; 1024]).expect("a request") > 0);
        behave(stream);
    });
    address
}

fn client(address: SocketAddr, timeout: Duration) -> (StreamingClient, Uri) {
    let url = std::format!("http://{address}");
    let service = ServiceUrl::parse("url", &url, false).expect("a URL");
    let tls = Tls::trusting(None).expect("TLS");
    (StreamingClient::new(&service, LONG, timeout, tls), url.parse().expect("a URL"))
}

fn get(url: &Uri) -> StreamingRequest<'_> {
    StreamingRequest { method: &Method::GET, url, headers: HeaderMap::new(), body: None }
}

/// Sends each part, and closes the connection when there are no more.
fn send_each(mut stream: TcpStream, parts: &Receiver<&'static str>) {
    for part in parts {
        stream.write_all(part.as_bytes()).expect("sent");
    }
}

#[test]
fn streamed_body_may_outlast_the_head_time_out() {
    let (say, parts) = mpsc::channel();
    let address = server(move |stream| send_each(stream, &parts));
    let timeout = Duration::from_secs(5);
    let (client, url) = client(address, timeout);
    let start = Instant::now();
    say.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n1\n\r\n").expect("told");
    let mut answer = client.ask(get(&url)).expect("an answer");
    assert_eq!(answer.status, 200);
    let mut buffer = [0; 64];
    let mut line = |answer: &mut StreamingResponse<'_>| {
        let amount = answer.read(&mut buffer).expect("more");
        String::from_utf8_lossy(&buffer[..amount]).to_string()
    };
    assert_eq!(line(&mut answer), "1\n");
    // The second line is sent after the time-out of the head.
    let past = (start + timeout + Duration::from_millis(200)).saturating_duration_since(Instant::now());
    let sending = thread::spawn(move || {
        thread::sleep(past);
        say.send("2\r\n2\n\r\n0\r\n\r\n").expect("told");
    });
    assert_eq!(line(&mut answer), "2\n");
    assert_eq!(line(&mut answer), "");
    assert!(start.elapsed() > timeout);
    sending.join().expect("sent");
}

#[test]
fn streamed_body_that_stalls_or_breaks_is_reported() {
    for (silent, told) in
        [(true, "nothing more came from 127.0.0.1"), (false, "closed the connection before")]
    {
        let (say, parts) = mpsc::channel();
        let address = server(move |stream| send_each(stream, &parts));
        let (mut client, url) = client(address, LONG);
        client.silence = Duration::from_secs(2);
        say.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").expect("told");
        let mut answer = client.ask(get(&url)).expect("an answer");
        assert_eq!(answer.read(&mut [0; 64]).expect("half of it"), 4);
        let say = silent.then_some(say);
        let trouble = answer.read(&mut [0; 64]).expect_err("no more");
        assert!(trouble.reason.as_str().contains(told), "{}", trouble.reason);
        drop(say);
    }
}

#[test]
fn request_with_longest_token_and_any_method_is_sent() {
    let (tell, heard) = mpsc::channel();
    let address = server(move |mut stream| {
        let mut all = std::vec::Vec::new();
        while !all.ends_with(b"last") {
            let mut some = [0; 4096];
            let amount = stream.read(&mut some).expect("more of the request");
            assert!(amount > 0);
            all.extend_from_slice(&some[..amount]);
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("sent");
        tell.send(all.len()).expect("told");
    });
    let (client, url) = client(address, LONG);
    let bearer = std::format!("Bearer {}", "x".repeat(16 * 1024));
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_str(&bearer).expect("a header"));
    let body = [&[0; 100_000][..], b"last"].concat();
    let ask = StreamingRequest { method: &Method::DELETE, url: &url, headers, body: Some(&body) };
    let mut answer = client.ask(ask).expect("an answer");
    assert_eq!((answer.status, answer.read(&mut [0; 8]).expect("its end")), (204, 0));
    assert!(heard.recv().expect("heard") > 100_000 + 15 * 1024);
}
