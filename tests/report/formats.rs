use crate::common::assert_error;
#[cfg(feature = "figures")]
use crate::common::external::has_fonts;
use spikeslab::report::formats::{Format, Formats};

/// A figure 800 units wide and `height` high.
#[cfg(feature = "figures")]
fn height(svg: &str) -> f64 {
    super::read(svg)[0].number("height")
}

#[test]
fn svg_is_kept_as_it_is() {
    for formats in [Formats::default(), Formats::new(&[Format::Svg, Format::Svg]).unwrap()] {
        assert_eq!(formats.names().collect::<Vec<_>>(), ["svg"]);
        assert_eq!(formats.files("funnel", "<svg/>").unwrap(), [("funnel.svg".to_string(), b"<svg/>".to_vec())]);
    }
    assert_error(Formats::new(&[]), &["figure-formats", "at least one"]);
}

#[cfg(not(feature = "figures"))]
#[test]
fn other_formats_need_the_feature() {
    for format in [Format::Png, Format::Pdf] {
        let error = Formats::new(&[Format::Svg, format]);
        assert_error(error, &["figure-formats", "--features figures", &format!("(saw: {})", format.name())]);
    }
}

/// Each kind of figure, with its name.
#[cfg(feature = "figures")]
fn figures() -> Vec<(&'static str, String)> {
    use spikeslab::report::kl_forms::FormValues;
    use spikeslab::report::kl_funnels::{Mesh, Surface};
    use spikeslab::report::*;
    use spikeslab::train::uncertainty::calibration::Bin;

    let theta = [-0.2, 0.0, 0.01, 0.2];
    let layer = LayerPicture { name: "fc", theta: &theta, log_sigma2: &[-8.0; 4], levels: &[-0.2, 0.0, 0.2] };
    let (name, label) = ("mean".to_string(), "multi-spike".to_string());
    let classes = ["cat", "dog"].map(str::to_string);
    let accuracies = || vec![Some(0.5), Some(0.9)];
    let curve =
        Curve { label, quantized_loss: vec![9.0, 1.0], accuracy_mean: accuracies(), accuracy_quantized: accuracies() };
    let bins = vec![Bin { images: 4, confidence: 0.75, accuracy: 0.75 }];
    let own = vec![0.1, 0.6];
    let picture = Picture {
        address: "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==".to_string(),
        shape: [1, 1, 1],
        label: 0,
        probabilities: vec![0.75, 0.25],
        entropy: 0.5,
    };
    let mesh = Mesh { theta: vec![-1.0, 1.0], log_sigma2: vec![0.0, -8.0] };
    vec![
        ("accuracy", accuracy(&Accuracies { mean: accuracies(), quantized: accuracies(), nll: vec![2.0, 0.1] })),
        ("comparison", comparison(&[curve])),
        ("confusion", confusion(&[Confusion::new("mean", &classes, &[0, 1], &[0, 0])])),
        ("contact_sheet", contact_sheet("mean", &classes, std::slice::from_ref(&picture), &[])),
        ("entropies", entropies(&[Entropies { name: name.clone(), own, other: None, classes: 2 }], "MNIST", "")),
        ("funnel", funnel(&[layer])),
        ("histogram", histogram(&[layer])),
        (
            "kl_forms",
            kl_forms(&["truth"], &[0.0, 1.0], &[0.0], &[FormValues { log_sigma2: -8.0, kl: vec![vec![0.0, 1.0]] }]),
        ),
        ("kl_funnels", kl_funnels(&mesh, &[0.0], &[Surface { name: "form", kl: vec![0.0, 1.0, 2.0, 3.0] }])),
        ("quantized_loss", quantized_loss(&[9.0, 1.0])),
        ("reliability", reliability(&[Reliability { name: name.clone(), bins }])),
        ("risk_coverage", risk_coverage(&[RiskCurve { name, risks: vec![0.0, 0.5], area: 0.25 }])),
    ]
}

/// The size and the pixels (RGBA) of a PNG.
#[cfg(feature = "figures")]
fn pixels(png: &[u8]) -> ((u32, u32), Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Rgba, png::BitDepth::Eight));
    ((info.width, info.height), pixels)
}

#[cfg(feature = "figures")]
#[test]
fn every_figure_is_converted() {
    if !has_fonts("every_figure_is_converted") {
        return;
    }
    let formats = Formats::new(&Format::ALL).unwrap();
    for (name, svg) in figures() {
        let files = formats.files(name, &svg).unwrap();
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["svg", "png", "pdf"].map(|ending| format!("{name}.{ending}")));
        assert_eq!(files[0].1, svg.as_bytes());

        let (size, pixels) = pixels(&files[1].1);
        assert_eq!(size, (1600, (2.0 * height(&svg)).round() as u32), "{name}");
        let dark = |pixels: &[u8]| pixels.chunks(4).filter(|pixel| pixel[0] < 100).count();
        assert!(pixels.chunks(4).all(|pixel| pixel[3] == 255), "{name} is opaque");
        // The heading alone has more dark pixels than this: 2 · 30 rows at the top of the figure.
        let heading = &pixels[..4 * 1600 * 60];
        assert!(dark(heading) > 500, "{name}: {} dark pixels in the heading", dark(heading));
        assert!(dark(&pixels) > dark(heading), "{name}");

        let pdf = &files[2].1;
        assert!(pdf.starts_with(b"%PDF-") && pdf.trim_ascii_end().ends_with(b"%%EOF"), "{name}");
        let text = String::from_utf8_lossy(pdf);
        // The page has the figure's proportions.
        let page = text.split("/MediaBox [").nth(1).unwrap().split(']').next().unwrap();
        let corners: Vec<f64> = page.split_whitespace().map(|number| number.parse().unwrap()).collect();
        assert!((corners[3] / corners[2] - height(&svg) / 800.0).abs() < 0.01, "{name}: {page}");
        assert!(formats.files(name, &svg).unwrap() == files, "{name}: the same again");
    }
}

#[cfg(feature = "figures")]
#[test]
fn what_is_no_figure_is_refused() {
    if !has_fonts("what_is_no_figure_is_refused") {
        return;
    }
    let formats = Formats::new(&[Format::Pdf]).unwrap();
    assert_error(formats.files("funnel", "<svg"), &["funnel", "saved as pdf"]);
}
