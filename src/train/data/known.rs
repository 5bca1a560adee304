//! The names of published data sets and of their classes. A data set is recognized by the checksum of its training
//! images and labels.

use super::{Dataset, Split};
use crate::escape::Escaped;
use std::path::Path;

/// The largest number of characters of a name.
pub(super) const LONGEST_NAME: usize = 60;

/// The names of the classes of Fashion-MNIST (Xiao et al. 2017).
const FASHION: [&str; 10] =
    ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];

/// The names of the classes of CIFAR-10 and CIFAR-100 (Krizhevsky 2009).
pub(super) const CIFAR10: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
pub(super) const CIFAR100_COARSE: [&str; 20] = [
    "aquatic_mammals",
    "fish",
    "flowers",
    "food_containers",
    "fruit_and_vegetables",
    "household_electrical_devices",
    "household_furniture",
    "insects",
    "large_carnivores",
    "large_man-made_outdoor_things",
    "large_natural_outdoor_scenes",
    "large_omnivores_and_herbivores",
    "medium_mammals",
    "non-insect_invertebrates",
    "people",
    "reptiles",
    "small_mammals",
    "trees",
    "vehicles_1",
    "vehicles_2",
];
#[rustfmt::skip]
pub(super) const CIFAR100: [&str; 100] = [
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
    "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock",
    "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest",
    "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard",
    "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid",
    "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine", "possum",
    "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper",
    "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone",
    "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf",
    "woman", "worm",
];

/// For MNIST, its embedded part and Fashion-MNIST: the name of the data set, and the names of its classes if these are
/// more than numbers. None for any other data set.
fn name(train: &Dataset) -> Option<(&'static str, Option<[&'static str; 10]>)> {
    match train.checksum() {
        0xdf6d_de61 | 0xedf9_e65c => Some(("MNIST", None)),
        0xa8c9_1d78 => Some(("Fashion-MNIST", Some(FASHION))),
        _ => None,
    }
}

/// The data set of these parts with its published name, or named `name_or` if it has none.
pub(super) fn named(train: Dataset, test: Dataset, name_or: &str, from: &str) -> Split {
    match name(&train) {
        Some((name, Some(classes))) if test.classes() == classes.len() => {
            let [train, test] = [train, test].map(|part| part.with_class_names(&classes));
            Split::read_from(train, test, name, from)
        }
        Some((name, _)) => Split::read_from(train, test, name, from),
        None => Split::read_from(train, test, name_or, from),
    }
}

/// The name of a data set from its folder or file: the last part of the path, of a file without its ending, in printable
/// characters.
pub(super) fn place(path: &Path) -> String {
    let whole = path.canonicalize();
    let whole = whole.as_deref().unwrap_or(path);
    let name = if whole.is_dir() { whole.file_name() } else { whole.file_stem() };
    let name = name.unwrap_or_default().to_string_lossy();
    Escaped { text: name, most: LONGEST_NAME }.to_string()
}
