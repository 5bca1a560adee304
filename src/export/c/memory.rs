//! Plans where in memory each value of a network is, from the step that writes it to the last step that reads it.
//!
//! A value is written over the value that it is computed from, if no other node reads that one and the operation is
//! elementwise. The other values are placed in descending order of size, each as low as the values that exist at the
//! same time allow.

use crate::nets::Graph;
use crate::nets::graph::{Op, elements};

/// The place of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the caller's image, which is not changed.
    Image,
    /// In the caller's array of logits.
    Logits,
    /// In the static array, from this element on.
    At(usize),
}

/// A plan of the memory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The place of each value.
    pub(super) places: Vec<Place>,
    /// For each value, whether it is written over the first value that its node reads.
    pub(super) in_place: Vec<bool>,
    /// The number of elements of the static array.
    pub(super) len: usize,
}

/// The memory of values that are written over one another.
struct Room {
    /// The first value in it.
    first: usize,
    /// The output of the last node that reads from it.
    read_until: usize,
    len: usize,
}

impl Plan {
    /// The plan for a network whose value 0 is the caller's image, or a copy of it in memory if `copies_image`.
    pub(super) fn of(graph: &Graph, copies_image: bool) -> Self {
        let readers = graph.readers();
        let last = graph.nodes.len();
        let mut read_until = vec![0; graph.value_count()];
        read_until[last] = last;
        let (mut in_place, mut first_of) = (vec![false; graph.value_count()], vec![0; graph.value_count()]);
        for (node, value) in graph.nodes.iter().zip(1..) {
            node.inputs.iter().for_each(|input| read_until[*input] = value);
            let input = node.inputs[0];
            let goes_by_element = matches!(node.op, Op::Norm(_) | Op::Relu | Op::Flatten | Op::Add);
            in_place[value] = goes_by_element && readers[input] == 1 && (input > 0 || copies_image);
            first_of[value] = if in_place[value] { first_of[input] } else { value };
        }

        let mut rooms: Vec<Room> = Vec::new();
        for (value, first) in first_of.iter().copied().enumerate() {
            let is_elsewhere = (first == 0 && !copies_image) || first == first_of[last];
            match rooms.iter_mut().find(|room| room.first == first) {
                _ if is_elsewhere => {}
                Some(room) => room.read_until = read_until[value],
                None => rooms.push(Room { first, read_until: read_until[value], len: elements(graph.shape(value)) }),
            }
        }
        let (begins, len) = place(&mut rooms);
        let place_of = |first: &usize| match rooms.iter().position(|room| room.first == *first) {
            Some(room) => Place::At(begins[room]),
            None if *first == first_of[last] => Place::Logits,
            None => Place::Image,
        };
        Self { places: first_of.iter().map(place_of).collect(), in_place, len }
    }
}

/// Sorts rooms by descending size and places them. Returns where each begins, and the largest end.
fn place(rooms: &mut [Room]) -> (Vec<usize>, usize) {
    rooms.sort_by_key(|room| (std::cmp::Reverse(room.len), room.first));
    let mut begins: Vec<usize> = Vec::new();
    for room in rooms.iter() {
        let live_together = |other: &Room| other.first <= room.read_until && room.first <= other.read_until;
        let mut taken: Vec<(usize, usize)> = rooms
            .iter()
            .zip(&begins)
            .filter(|(other, _)| live_together(other))
            .map(|(other, begin)| (*begin, begin + other.len))
            .collect();
        taken.sort_unstable();
        let lowest =
            taken.iter().fold(0, |begin, (from, to)| if begin + room.len <= *from { begin } else { begin.max(*to) });
        begins.push(lowest);
    }
    let len = rooms.iter().zip(&begins).map(|(room, begin)| begin + room.len).max().unwrap_or(0);
    (begins, len)
}
