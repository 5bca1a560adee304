use spikeslab::files::notice::{listen, notice};
use std::sync::Mutex;

static HEARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Records every notice of this process from now on, and returns the recorded notices that contain `part`.
pub(super) fn heard(part: &str) -> Vec<String> {
    listen(|text| HEARD.lock().unwrap().push(text.to_string()));
    HEARD.lock().unwrap().iter().filter(|text| text.contains(part)).cloned().collect()
}

#[test]
fn the_first_listener_is_told_of_each_notice_once() {
    assert!(heard("of this test").is_empty());
    listen(|_| panic!("a second listener"));
    for text in ["first of this test", "second of this test"] {
        notice(text);
    }
    assert_eq!(heard("of this test"), ["first of this test", "second of this test"]);
}
