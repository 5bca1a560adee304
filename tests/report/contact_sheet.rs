use super::{numbered, read, texts};
use spikeslab::report::{Picture, contact_sheet};

fn picture(shape: [usize; 3], label: usize, probabilities: &[f64]) -> Picture {
    Picture {
        address: "data:image/png;base64,AAAA".to_string(),
        shape,
        label,
        probabilities: probabilities.to_vec(),
        entropy: 0.5,
    }
}

#[test]
fn each_image_has_its_label_and_its_most_probable_classes() {
    let least = [picture([1, 2, 2], 1, &[0.13, 0.25, 0.5, 0.07, 0.05])];
    let most = [picture([1, 2, 2], 0, &[1.0, 0.0]), picture([1, 1, 4], 1, &[1e-9, 1.0 - 1e-9])];
    let elements = read(&contact_sheet("sampled", &numbered(5), &least, &most));
    let images: Vec<_> = elements.iter().filter(|e| e.name == "image").collect();
    assert_eq!(images.len(), 3);
    assert!(images.iter().all(|image| image.get("href") == "data:image/png;base64,AAAA"));
    // A wide image is as wide as the others, and lower.
    assert_eq!((images[2].number("width"), images[2].number("height")), (66.0, 16.5));
    let texts = texts(&elements);
    for text in ["label 1", "2: 50%", "1: 25%", "0: 13%", "0: 100%", "1: >99.9%", "0: <0.01%"] {
        assert!(texts.contains(&text), "{text} in {texts:?}");
    }
    assert!(!texts.contains(&"3: 7%"), "three classes are named");
    assert!(texts.contains(&"The least and the most certain images, sampled weights"));
    let color = |text: &str| elements.iter().find(|e| e.text == text).unwrap().get("fill").to_string();
    assert_eq!((color("2: 50%"), color("0: 100%")), ("#d55e00".to_string(), "#5f5f5f".to_string()));
}

#[test]
fn images_come_in_rows_of_eight_and_stay_on_the_sheet() {
    let many = vec![picture([3, 32, 32], 0, &[0.5, 0.5]); 17];
    let svg = contact_sheet("quantized", &numbered(2), &many, &many[..1]);
    let elements = read(&svg);
    let height = elements[0].number("height");
    let images: Vec<_> = elements.iter().filter(|e| e.name == "image").collect();
    let rows: std::collections::BTreeSet<String> = images.iter().map(|e| e.get("y").to_string()).collect();
    assert_eq!((images.len(), rows.len()), (18, 4));
    for image in images {
        assert!(image.number("x") + image.number("width") <= 800.0 && image.number("y") + 66.0 < height);
    }
}

#[test]
fn no_images_leave_a_word() {
    assert_eq!(
        texts(&read(&contact_sheet("no", &[], &[], &[]))).iter().filter(|text| **text == "no images").count(),
        2
    );
}

#[test]
fn classes_have_their_names_cut_to_the_width_of_a_column() {
    let classes = ["cat", "household_electrical_devices"].map(str::to_string);
    let elements = read(&contact_sheet("mean", &classes, &[picture([1, 2, 2], 1, &[0.25, 0.75])], &[]));
    let texts = texts(&elements);
    assert!(texts.contains(&"cat: 25%"), "{texts:?}");
    for (starts, ends) in [("label househ", "…"), ("househ", "…: 75%")] {
        assert!(texts.iter().any(|text| text.starts_with(starts) && text.ends_with(ends)), "{starts} in {texts:?}");
    }
}
