//! `Architecture`, and a module for each file of `src/nets`.

mod densenet;
mod lenet5;
mod lenet_caffe;
mod mlp;
mod network;
mod parameters;
mod plan;

use crate::common::assert_error;
use spikeslab::nets::Architecture;
use spikeslab::prior::Codebook;

#[test]
fn each_architecture_is_found_by_its_name() {
    let names = ["mlp", "lenet5", "lenet-caffe", "densenet", "densenet-bottleneck"];
    assert_eq!(Architecture::ALL.map(Architecture::name), names);
    for (architecture, name) in Architecture::ALL.into_iter().zip(names) {
        assert_eq!(Architecture::from_name(name).expect("a network"), architecture);
    }
    for name in ["", "lenet", "LENET5", "lenet_caffe"] {
        assert_error(
            Architecture::from_name(name),
            &["network", "mlp, lenet5, lenet-caffe", &format!("(saw: {name})")],
        );
    }
}

#[test]
fn widths_that_do_not_fit_are_refused() {
    let codebook = Codebook::<f32>::symmetric(3).expect("three levels");
    for architecture in Architecture::ALL {
        let count = architecture.hidden_widths().len() + 1;
        let names = architecture.layer_names(count).expect("its published depth");
        assert_eq!(names.len(), count);
        for depth in [0, 1, count - 1, count + 1] {
            let expected = match architecture {
                Architecture::Densenet { bottleneck: false } => "3n + 4: 7, 10".to_string(),
                Architecture::Densenet { bottleneck: true } => "6n + 4: 10, 16".to_string(),
                _ => names.join(", "),
            };
            assert_error(
                architecture.network([1, 28, 28], &vec![4; depth], &codebook),
                &[&expected, &depth.to_string()],
            );
        }
        let mut zero = vec![4; count];
        zero[count - 1] = 0;
        let result = architecture.network([1, 28, 28], &zero, &codebook);
        assert_error(result, &["outputs of", &names[count - 1], "a positive number", "0"]);
    }
}

#[test]
fn sizes_no_image_or_layer_has_are_refused() {
    for architecture in Architecture::ALL {
        let widths = vec![4; architecture.hidden_widths().len() + 1];
        assert!(architecture.plan([1, 28, 65_535], &widths).is_ok());
        let mut wide = widths.clone();
        wide[0] = 65_536;
        for (input, widths) in [([1, 28, 65_536], &widths), ([usize::MAX, 28, 28], &widths), ([1, 28, 28], &wide)] {
            assert_error(architecture.plan(input, widths), &["sizes of", architecture.name(), "at most 65535"]);
        }
    }
}

#[test]
fn images_too_small_for_the_kernels_are_refused() {
    let codebook = Codebook::<f32>::symmetric(3).expect("three levels");
    for architecture in [Architecture::Lenet5, Architecture::LenetCaffe] {
        let widths = vec![4; architecture.hidden_widths().len() + 1];
        // 16 pixels leave one for fc1, 15 none.
        assert!(architecture.network([1, 16, 16], &widths, &codebook).is_ok());
        for input in [[1, 15, 16], [1, 16, 13], [1, 4, 28]] {
            assert_error(architecture.network(input, &widths, &codebook), &["window", "fits into"]);
        }
        assert_error(architecture.network([1, 0, 28], &widths, &codebook), &["input", "positive sizes", "[1, 0, 28]"]);
    }
}
