use spikeslab::train::data::layout::Layout;

#[test]
fn channels_are_known_by_their_number() {
    let of = |sizes: &[usize]| Layout::of(sizes).map(|layout| (layout.shape, layout.is_channels_last));
    assert_eq!(of(&[64]), Some(([1, 1, 64], false)));
    assert_eq!(of(&[8, 6]), Some(([1, 8, 6], false)));
    assert_eq!(of(&[3, 8, 6]), Some(([3, 8, 6], false)));
    assert_eq!(of(&[1, 8, 6]), Some(([1, 8, 6], false)));
    assert_eq!(of(&[8, 6, 3]), Some(([3, 8, 6], true)));
    assert_eq!(of(&[8, 6, 1]), Some(([1, 8, 6], true)));
    // The first and the last size could both be the channels, or neither.
    for sizes in [&[3, 8, 3][..], &[1, 8, 1], &[8, 6, 4], &[2, 8, 6], &[], &[1, 2, 3, 4]] {
        assert_eq!(of(sizes), None, "{sizes:?}");
    }
}

#[test]
fn channels_are_moved_to_the_front_of_each_image() {
    // Two images of 1 x 2 pixels of three channels.
    let layout = Layout { shape: [3, 1, 2], is_channels_last: true };
    let moved = layout.channels_first(vec![0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]);
    assert_eq!(moved, [0, 3, 1, 4, 2, 5, 10, 13, 11, 14, 12, 15]);
    let first = Layout { is_channels_last: false, ..layout };
    assert_eq!(first.channels_first((0..12).collect()), (0..12).collect::<Vec<u8>>());
}
