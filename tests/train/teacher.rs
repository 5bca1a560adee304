use crate::common::assert_error;
use crate::common::gradient::assert_gradient;
use crate::common::networks::Problem;
use crate::train::{narrow, network, short_recipe};
use spikeslab::layers::{distillation, softmax_nll};
use spikeslab::nets::graph::BayesLayer;
use spikeslab::nets::{Network, Normalization, WeightMode};
use spikeslab::prior::Prior;
use spikeslab::train::{Forward, KlScale, Objective, Recipe, Teacher, Trainer};

const INPUT: [usize; 3] = [1, 16, 16];

/// A student and a teacher with different networks for the same images and classes.
fn pair() -> (Problem<f64>, Problem<f64>) {
    let problem = |name: &str, seed| Problem::new(name, INPUT, narrow(name), 4, seed);
    (problem("mlp", 10), problem("lenet5", 11))
}

fn objective(forward: Forward) -> Objective {
    Objective { prior: Prior::None, forward, kl_scale: KlScale::PerWeight, train_size: 4 }
}

/// The loss of the objective is that of the two networks' logits, those of the teacher with its mean weights and its
/// running statistics; its gradient is compared with differences.
#[test]
fn the_objective_is_the_loss_of_the_teachers_logits() {
    let (student, taught) = pair();
    let of_teacher =
        taught.network.forward(student.x.clone(), &WeightMode::Mean, Normalization::Running).expect("it fits").0;
    let teacher = Teacher::new(taught.network, 0.75).expect("a share");
    let noise = |_: &BayesLayer, _: &[usize]| panic!("mean weights take no noise");
    let objective = objective(Forward::Sampled);
    let evaluate = |network: &Network<f64>| {
        objective.evaluate(network, student.x.clone(), &student.labels, &noise, 0.0, Some(&teacher)).expect("it fits")
    };
    let evaluation = evaluate(&student.network);
    let (value, _) =
        distillation::forward(evaluation.logits.view(), of_teacher.view(), &student.labels, 0.75).expect("it fits");
    assert_eq!((evaluation.loss.loss, evaluation.loss.nll), (value.loss, value.nll));
    let (nll, _) = softmax_nll::forward(evaluation.logits.view(), &student.labels).expect("it fits");
    assert!(value.nll == nll && value.loss != nll);
    for (position, parameter) in student.network.parameters().iter().enumerate() {
        let Some(gradient) = &evaluation.gradients[position] else { continue };
        let at = parameter.as_slice();
        assert_gradient("network", &parameter.name, 2e-6, at, gradient, |values| {
            let mut network = student.network.clone();
            network.parameters_mut()[position].as_slice_mut().copy_from_slice(values);
            evaluate(&network).loss.loss
        });
    }
}

#[test]
fn a_step_with_a_teacher_leaves_the_teacher_as_it_is() {
    let (student, taught) = pair();
    let before = taught.network.clone();
    let train = |teacher: Option<Teacher<f64>>| {
        let trainer =
            Trainer::new(student.network.clone(), Recipe { batch_size: 4, ..short_recipe() }, 4).expect("in range");
        let mut trainer = teacher.into_iter().fold(trainer, |trainer, own| trainer.with_teacher(own).expect("it fits"));
        trainer.step(student.x.clone(), &student.labels).expect("it is finite");
        trainer
    };
    let teacher = Teacher::new(taught.network, 1.0).expect("a share");
    let logits = teacher.logits(student.x.clone()).expect("it fits");
    let with = train(Some(teacher.clone()));
    assert_eq!(teacher.logits(student.x.clone()).expect("it fits"), logits);
    assert_eq!(before.predict(student.x.clone(), &WeightMode::Mean).expect("it fits"), logits);
    let theta = |trainer: &Trainer<f64>| trainer.network.parameters()[0].value.clone();
    assert_ne!(theta(&with), theta(&train(None)));
    // With the share 0 the labels alone count.
    let none = Teacher::new(before, 0.0).expect("a share");
    assert_eq!(theta(&train(Some(none))), theta(&train(None)));
}

#[test]
fn a_teacher_of_other_images_or_classes_is_refused() {
    let own = || network::<f64>("mlp", narrow("mlp"), 8);
    let trainer = || Trainer::new(own(), Recipe { batch_size: 4, ..short_recipe() }, 4).expect("in range");
    let teacher = Teacher::new(network("mlp", narrow("mlp"), 9), 1.0).expect("a share");
    assert_error(trainer().with_teacher(teacher), &["teacher", "a network for images of shape", "one for"]);
    let teacher = Teacher::new(network("mlp", &[4, 3, 7], 8), 1.0).expect("a share");
    assert_error(trainer().with_teacher(teacher), &["teacher", "classes", "one for 7"]);
    assert_error(Teacher::new(own(), 1.5), &["teacher-share", "a number from 0 to 1", "1.5"]);
}
