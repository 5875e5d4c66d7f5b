//! The pictures in `docs/pictures`. `UPDATE_PICTURES=1 cargo test -p node-sim --features browser --test browser
//! pictures -- --ignored` replaces them; without the variable they are taken and checked, but not kept.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::io::Cursor;
use std::path::Path;

use test_support::browser::color_quant::NeuQuant;
use test_support::browser::png::{
    BitDepth, ColorType, Compression, Decoder, Encoder, Filter, Transformations,
};

use crate::board;
use crate::browser::{Browser, DARK, DESK, PHONE, View, with_browser};

/// The most bytes of a picture, since each version stays in the repository.
const MOST: usize = 150_000;

async fn take(browser: &Browser, view: View, name: &str) {
    browser.look_through(view).await;
    browser.ask("scrollTo(0, 0)", Vec::new()).await;
    browser.until("lit", "return document.getElementById('led').dataset.lit === 'true'").await;
    let picture = packed(&browser.client.screenshot().await.unwrap(), view);
    assert!(picture.len() < MOST, "{name}: {} bytes", picture.len());
    if env::var_os("UPDATE_PICTURES").is_some() {
        fs::write(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/pictures")).join(name), picture)
            .unwrap();
    }
}

/// The picture with 256 colours, in fewer bytes.
fn packed(picture: &[u8], view: View) -> Vec<u8> {
    let mut decoder = Decoder::new(Cursor::new(picture));
    decoder.set_transformations(Transformations::normalize_to_color8() | Transformations::ALPHA);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.width, info.height), (view.width.into(), view.height.into()));
    assert_eq!(info.color_type, ColorType::Rgba);

    let colours = NeuQuant::new(3, 256, &pixels);
    let mut known = HashMap::new();
    let indices: Vec<u8> = pixels
        .chunks_exact(4)
        .map(|pixel| *known.entry(pixel).or_insert_with(|| u8::try_from(colours.index_of(pixel)).unwrap()))
        .collect();
    let mut packed = Vec::new();
    let mut encoder = Encoder::new(&mut packed, info.width, info.height);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette(colours.color_map_rgb());
    encoder.set_compression(Compression::High);
    encoder.set_filter(Filter::NoFilter);
    encoder.write_header().unwrap().write_image_data(&indices).unwrap();
    packed
}

#[test]
#[ignore = "needs chromium and chromedriver"]
fn pictures_of_the_documentation_are_taken() {
    with_browser(DESK, async |browser| {
        let board = board::start();
        browser.open(&board.url()).await;
        browser.comes_to("valid").await;
        browser.click("server").await;
        browser.click("reload").await;
        browser.comes_to("valid-cached").await;
        let winks = browser.ask("return window.jarvisBoard.edges.length", Vec::new()).await.as_u64().unwrap();
        browser.until("three winks", &format!("return window.jarvisBoard.edges.length >= {winks} + 6")).await;
        browser.click("server").await;
        browser.comes_to("valid").await;
        take(browser, View { height: 1040, ..DESK }, "board-light.png").await;
        take(browser, View { height: 1040, ..DARK }, "board-dark.png").await;
        take(browser, PHONE, "board-phone.png").await;
    });
}
