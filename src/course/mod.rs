//! A course that derives what the crate computes, for readers with calculus, linear algebra and Bayes' rule.
//!
//! | chapter | what it derives |
//! |---|---|
//! | 1. [`posterior`] | which quantity training maximizes: Bayes' rule, the evidence lower bound, the Gaussian prior |
//! | 2. [`one_spike`] | the divergence to one spike, D(t), its three forms, its derivative |
//! | 3. [`many_spikes`] | the divergence to M spikes: two bounds, their gradients, two published forms |
//! | 4. [`local_reparameterization`] | noise on pre-activations in place of noise on weights, and its gradients |
//! | 5. [`backward`] | the backward of convolution, normalization, pooling, softmax |
//! | 6. [`objective`] | the objective and its scales, κ, Adam, the projection |
//! | 7. [`levels`] | learned levels, the quantizer, straight-through gradients, packing |
//! | 8. [`uncertainty`] | what a posterior says about predictions, and what quantization does to it |
//! | 9. [`verification`] | differences, golden values, a comparison that cannot lie, mutants |
//!
//! `spikeslab explain --all --out course` writes the course as one page. `spikeslab explain TOPIC` computes an example
//! on numbers that the reader can change, and draws the figures of the chapters. Each chapter ends with exercises,
//! whose answers
//! `spikeslab explain check` tells right from wrong.

pub mod exercises;
pub mod page;

/// A chapter of the course.
#[derive(Clone, Copy, Debug)]
pub struct Chapter {
    /// The name of its module.
    pub name: &'static str,
    /// Markdown, its formulas in MathML.
    pub text: &'static str,
    /// Its exercises: JSON, a list of objects with `name`, `arguments`, `python`, an answer, and `cases` of
    /// `arguments` and `value`.
    pub exercises: &'static str,
}

macro_rules! chapters {
    ($($name:ident = $file:literal, $exercises:literal;)+) => {
        $(
            pub mod $name {
                #![doc = include_str!(concat!(env!("OUT_DIR"), "/course/", $file))]
                // rustdoc's style sheet gives scroll bars to lines that a formula makes higher.
                #![doc = "<style>.docblock > * { overflow: visible !important; }</style>"]
            }
        )+

        /// The chapters, in reading order.
        pub const CHAPTERS: &[Chapter] = &[$(Chapter {
            name: stringify!($name),
            text: include_str!(concat!(env!("OUT_DIR"), "/course/", $file)),
            exercises: include_str!($exercises),
        }),+];
    };
}

chapters! {
    posterior = "1-posterior.md", "exercises-1.json";
    one_spike = "2-one-spike.md", "exercises-2.json";
    many_spikes = "3-many-spikes.md", "exercises-3.json";
    local_reparameterization = "4-local-reparameterization.md", "exercises-4.json";
    backward = "5-backward.md", "exercises-5.json";
    objective = "6-objective.md", "exercises-6.json";
    levels = "7-levels.md", "exercises-7.json";
    uncertainty = "8-uncertainty.md", "exercises-8.json";
    verification = "9-verification.md", "exercises-9.json";
}
