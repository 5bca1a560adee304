use super::Workplace;
use crate::common::server::Server;
use std::sync::{Arc, Mutex};

/// Each name asks for the first file of its collection; when the server has none, nothing is left behind.
#[test]
fn each_name_is_of_its_collection() {
    let place = Workplace::new();
    std::fs::create_dir(place.path("fetched")).unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let server = Server::new(move |name| {
        seen.lock().unwrap().push(name.to_string());
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
    });
    for (name, file) in [
        (&["--download"][..], "train-images-idx3-ubyte.gz"),
        (&["--download", "mnist"], "train-images-idx3-ubyte.gz"),
        (&["--download", "fashion-mnist"], "train-images-idx3-ubyte.gz"),
        (&["--download", "cifar-10"], "cifar-10-binary.tar.gz"),
        (&["--download", "cifar100"], "cifar-100-binary.tar.gz"),
    ] {
        asked.lock().unwrap().clear();
        let url = server.url();
        let arguments = [&["train", "mlp", "--data", "fetched"], name, &["--base-url", &url]].concat();
        place.refuse(&arguments, 1, &["127.0.0.1", file, "404"]);
        assert_eq!(asked.lock().unwrap().first().map(String::as_str), Some(file), "{name:?}");
        let left = std::fs::read_dir(place.path("fetched")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{name:?}");
        assert!(!place.path("runs").exists(), "{name:?}");
    }
}

#[test]
fn what_the_options_need_is_demanded() {
    let place = Workplace::new();
    place.refuse(&["train", "mlp", "--download"], 2, &["--data"]);
    place.refuse(&["train", "mlp", "--data", "data", "--base-url", "http://127.0.0.1/"], 2, &["--download"]);
    place.refuse(&["train", "mlp", "--data", "data", "--download", "imagenet"], 2, &["imagenet"]);
}
