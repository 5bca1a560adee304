use spikeslab::tensor::aligned::Aligned;

fn begins_a_line<T>(buffer: &Aligned<T>) -> bool {
    buffer.as_ptr().addr().is_multiple_of(64)
}

#[test]
fn the_first_element_begins_a_cache_line_however_the_buffer_has_grown() {
    let mut singles = Aligned::default();
    let mut doubles = Aligned::default();
    for len in [1, 2, 15, 16, 17, 1000, 3, 100_000] {
        singles.resize(len, 0.0_f32);
        doubles.resize(len, 0.0_f64);
        assert!(begins_a_line(&singles) && begins_a_line(&doubles), "{len}");
        assert_eq!((singles.len(), doubles.len()), (len, len));
    }
}

#[test]
fn resizing_keeps_the_first_elements() {
    let mut buffer = Aligned::default();
    buffer.resize(3, 1);
    buffer[1] = 2;
    buffer.resize(1000, 7);
    assert_eq!(buffer[..4], [1, 2, 1, 7]);
    assert!(buffer[3..].iter().all(|element| *element == 7));
    buffer.resize(2, 0);
    assert_eq!(*buffer, [1, 2]);
    buffer.resize(4, 9);
    assert_eq!(*buffer, [1, 2, 9, 9]);
}

#[test]
fn a_cleared_buffer_is_filled_anew() {
    let mut buffer = Aligned::default();
    assert!(buffer.is_empty());
    buffer.resize(20, 1);
    buffer.clear();
    assert!(buffer.is_empty());
    buffer.resize(20, 0);
    assert_eq!(*buffer, [0; 20]);
}
