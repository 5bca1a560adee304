//! Figures: what training did to the weights, as SVG text.
//!
//! | figure | shows |
//! |---|---|
//! | [`histogram`](histogram()) | how the posterior means θ of each layer gather at its levels |
//! | [`funnel`](funnel()) | θ against ln σ²: weights at a level may be uncertain, those between may not |
//! | [`quantized_loss`](quantized_loss()) | Σ(θ − Q(θ))² of the network by epoch |
//! | [`accuracy`](accuracy()) | the error with mean and with quantized weights, and the NLL, by epoch |
//! | [`comparison`](comparison()) | quantized loss and error by epoch, one curve a prior |
//! | [`kl_forms`](kl_forms()) | each form of the KL against the truth, over θ |
//! | [`kl_funnels`](kl_funnels()) | the funnels that the forms make over θ and ln σ² |
//! | [`chart`](chart()) | functions as curves, for the topics of `spikeslab explain` and the course |
//! | [`reliability`](reliability()) | accuracy against confidence, and the images of each confidence |
//! | [`risk_coverage`](risk_coverage()) | the errors among the most confident images |
//! | [`entropies`](entropies()) | predictive entropy, of the test images and of others |
//! | [`confusion`](confusion()) | which label is predicted as which class |
//! | [`contact_sheet`](contact_sheet()) | the images that a network is least and most certain of |
//!
//! Every figure is 800 units wide, on white, and deterministic. It can be drawn from any values: one that is not
//! finite leaves a gap in a curve, and is counted in the title of a layer.
//!
//! [`svg`] writes elements, [`axes`] maps values to positions and finds ticks, [`panel`] draws a framed plot,
//! [`layers`] lays out one panel a layer, [`levels`] marks the levels in it. [`formats`] converts a finished figure
//! into PNG and PDF.

pub mod accuracy;
pub mod axes;
pub mod chart;
pub mod comparison;
pub mod confusion;
pub mod contact_sheet;
pub mod entropies;
pub mod formats;
pub mod funnel;
pub mod histogram;
pub mod kl_forms;
pub mod kl_funnels;
pub mod layers;
pub mod levels;
pub mod panel;
pub mod quantized_loss;
pub mod reliability;
pub mod risk_coverage;
pub mod svg;

pub use accuracy::{Accuracies, accuracy};
pub use chart::{Chart, Plot, chart};
pub use comparison::{Curve, comparison};
pub use confusion::{Confusion, confusion};
pub use contact_sheet::{Picture, contact_sheet};
pub use entropies::{Entropies, entropies};
pub use funnel::funnel;
pub use histogram::histogram;
pub use kl_forms::kl_forms;
pub use kl_funnels::kl_funnels;
pub use layers::{LayerPicture, pictured};
pub use quantized_loss::quantized_loss;
pub use reliability::{Reliability, reliability};
pub use risk_coverage::{RiskCurve, risk_coverage};

/// Width of every figure, in SVG units: pixels at the width of a README.
pub const WIDTH: f64 = 800.0;
