use spikeslab::report::{Accuracies, accuracy};

use super::{paths, read, texts};

#[test]
fn errors_and_nll_have_their_panels() {
    let epochs =
        Accuracies { mean: vec![0.5, 0.97, 0.98], quantized: vec![0.1, 0.9, 0.975], nll: vec![2.0, 0.5, 0.0371] };
    let elements = read(&accuracy(&epochs));
    let curves = |color: &str| -> Vec<&str> {
        paths(&elements, "stroke", color).into_iter().map(|e| e.get("d")).filter(|d| d.contains('L')).collect()
    };
    let (solid, dashed) = (curves("#0072b2"), curves("#d55e00"));
    assert_eq!((solid.len(), dashed.len()), (2, 1));
    assert!(solid.iter().chain(&dashed).all(|d| d.matches('L').count() == 2));
    let texts = texts(&elements);
    for text in [
        "quantized weights: accuracy 97.50 % after the last epoch",
        "mean weights: accuracy 98.00 % after the last epoch",
        "error: 100 − accuracy, %, log scale",
        "NLL, nats, log scale",
        "training images: NLL 0.0371 after the last epoch",
        "50",
    ] {
        assert!(texts.contains(&text), "{text} in {texts:?}");
    }
    assert_eq!(texts.iter().filter(|text| **text == "epoch").count(), 2);
}

#[test]
fn odd_epochs_are_drawn() {
    assert_eq!(texts(&read(&accuracy(&Accuracies::default()))).iter().filter(|t| **t == "no epochs").count(), 2);
    let odd = vec![f64::NAN, f64::INFINITY, -1.0, 0.0, 1.0];
    for epochs in [
        Accuracies { mean: odd.clone(), quantized: odd.clone(), nll: odd.clone() },
        Accuracies { nll: odd[..1].to_vec(), ..Accuracies::default() },
        Accuracies { mean: odd[4..].to_vec(), quantized: Vec::new(), nll: vec![0.0] },
    ] {
        let svg = accuracy(&epochs);
        read(&svg);
        assert!(!svg.contains("NaN"), "{epochs:?}");
    }
}
