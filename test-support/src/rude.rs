//! Servers that misbehave.

use core::net::SocketAddr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::waiting::PATIENCE;

/// A server that does `behave` with every connection, until the test's process ends.
///
/// # Panics
/// If no port is free.
pub fn rude_server(behave: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let behave = behave.clone();
            thread::spawn(move || behave(stream));
        }
    });
    address
}

/// A command center as far as what is there: it says that it is no config service, and does `behave` with the connection of
/// every other request once that is read.
///
/// # Panics
/// If no port is free.
pub fn rude_command_center(behave: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    rude_server(move |mut stream| {
        if read_request(&mut stream).starts_with("GET /info ") {
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
        } else {
            behave(stream);
        }
    })
}

/// A server that accepts connections and never says anything.
pub fn silent_server() -> SocketAddr {
    rude_server(|stream| {
        thread::sleep(PATIENCE);
        drop(stream);
    })
}

/// Reads a request's head, and its body if `content-length` tells how long that is.
///
/// # Panics
/// If `content-length` holds no number.
pub fn read_request(stream: &mut impl Read) -> String {
    let mut reader = BufReader::new(stream);
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return text;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        text += &line;
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    text + &String::from_utf8_lossy(&body)
}

/// Answers with these bytes after a whole request, and closes.
pub fn answer(mut stream: TcpStream, bytes: &[u8]) {
    read_request(&mut stream);
    // The client may have closed already.
    let _ = stream.write_all(bytes);
}
