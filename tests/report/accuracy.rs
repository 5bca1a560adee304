use spikeslab::report::{Accuracies, accuracy};

use super::{paths, read, texts};

#[test]
fn errors_and_nll_have_their_panels() {
    let epochs = Accuracies {
        mean: [0.5, 0.97, 0.98].map(Some).to_vec(),
        quantized: [0.1, 0.9, 0.975].map(Some).to_vec(),
        nll: vec![2.0, 0.5, 0.0371],
    };
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

/// An epoch without evaluation is no gap: the curve of accuracies goes from the epoch before to the epoch after.
#[test]
fn epochs_that_were_not_evaluated_have_no_point() {
    let accuracies = vec![None, Some(0.9), None, Some(0.98)];
    let epochs = Accuracies { mean: accuracies.clone(), quantized: accuracies, nll: vec![2.0, 0.5, 0.2, 0.1] };
    let elements = read(&accuracy(&epochs));
    // The line of an error from epoch 2 to epoch 4, and the line of the NLL through all epochs.
    let lines = |color: &str| -> Vec<usize> {
        let paths = paths(&elements, "stroke", color);
        paths.iter().map(|e| e.get("d").matches('L').count()).filter(|lines| *lines > 0).collect()
    };
    assert_eq!((lines("#0072b2"), lines("#d55e00")), (vec![1, 3], vec![1]));
    let points: Vec<usize> =
        paths(&elements, "stroke", "#d55e00").iter().map(|e| e.get("d").matches("h.01").count()).collect();
    assert!(points.contains(&2), "{points:?}");
    assert!(texts(&elements).contains(&"mean weights: accuracy 98.00 % after the last epoch"));
}

#[test]
fn odd_epochs_are_drawn() {
    assert_eq!(texts(&read(&accuracy(&Accuracies::default()))).iter().filter(|t| **t == "no epochs").count(), 2);
    let odd = vec![f64::NAN, f64::INFINITY, -1.0, 0.0, 1.0];
    let accuracies: Vec<Option<f64>> = odd.iter().copied().map(Some).collect();
    for epochs in [
        Accuracies { mean: accuracies.clone(), quantized: accuracies.clone(), nll: odd.clone() },
        Accuracies { nll: odd[..1].to_vec(), ..Accuracies::default() },
        Accuracies { mean: accuracies[4..].to_vec(), quantized: Vec::new(), nll: vec![0.0] },
        Accuracies { mean: vec![None], quantized: vec![None; 2], nll: Vec::new() },
    ] {
        let svg = accuracy(&epochs);
        read(&svg);
        assert!(!svg.contains("NaN"), "{epochs:?}");
    }
}
