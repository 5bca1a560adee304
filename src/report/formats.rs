//! The formats in which figures are saved: SVG, or PNG and PDF, into which a figure's SVG is converted.
//!
//! The conversion needs the feature `figures`. It draws texts in fonts of this system, so that its bytes, unlike those
//! of the SVG, depend on the system.

use crate::error::{Error, Result};

/// A format of a figure's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Format {
    /// Text, for browsers.
    Svg,
    /// Pixels: two for each unit of the figure, in each direction.
    Png,
    /// For documents.
    Pdf,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 3] = [Self::Svg, Self::Png, Self::Pdf];

    /// The name on the command line, which is the ending of a file's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Png => "png",
            Self::Pdf => "pdf",
        }
    }
}

/// The formats in which a command saves its figures, with what it needs to write them.
#[derive(Clone, Debug)]
pub struct Formats {
    formats: Vec<Format>,
    #[cfg(feature = "figures")]
    fonts: converted::Fonts,
}

impl Default for Formats {
    /// SVG alone.
    fn default() -> Self {
        Self {
            formats: vec![Format::Svg],
            #[cfg(feature = "figures")]
            fonts: converted::Fonts::default(),
        }
    }
}

impl Formats {
    /// These formats, without those that are named a second time. Loads the fonts if one of the formats needs them.
    ///
    /// # Errors
    /// [`Error::Option`] if there is no format; or one is to be converted, but the crate was built without the feature
    /// `figures`, or the system has no font.
    pub fn new(formats: &[Format]) -> Result<Self> {
        let mut all: Vec<Format> = Vec::new();
        formats.iter().for_each(|format| {
            if !all.contains(format) {
                all.push(*format);
            }
        });
        match all.iter().copied().find(|format| *format != Format::Svg) {
            Some(converted) => Self::converting(all, converted),
            None if all.is_empty() => Err(Error::option(OPTION, "at least one format", "none")),
            None => Ok(Self::default()),
        }
    }

    /// The formats, of which `first` is the first that a figure is converted into.
    #[cfg(feature = "figures")]
    fn converting(formats: Vec<Format>, first: Format) -> Result<Self> {
        Ok(Self { fonts: converted::Fonts::of_system(first)?, formats })
    }

    #[cfg(not(feature = "figures"))]
    fn converting(_: Vec<Format>, first: Format) -> Result<Self> {
        Err(Error::option(OPTION, "svg, or a build with --features figures", first.name()))
    }

    /// The names of the formats, in the order given.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.formats.iter().map(|format| format.name())
    }

    /// The files of a figure, each with its name, `name` and the ending of its format, and its bytes.
    ///
    /// # Errors
    /// [`Error::File`], which names `name`, if the SVG cannot be converted.
    pub fn files(&self, name: &str, svg: &str) -> Result<Vec<(String, Vec<u8>)>> {
        let of = |format: &Format| Ok((format!("{name}.{}", format.name()), self.bytes(*format, name, svg)?));
        self.formats.iter().map(of).collect()
    }

    #[cfg(feature = "figures")]
    fn bytes(&self, format: Format, name: &str, svg: &str) -> Result<Vec<u8>> {
        let bytes = match format {
            Format::Svg => Ok(svg.as_bytes().to_vec()),
            Format::Png => self.fonts.png(svg),
            Format::Pdf => self.fonts.pdf(svg),
        };
        let expected = format!("a figure that can be saved as {}", format.name());
        bytes.map_err(|error| Error::file(name.as_ref(), expected, error))
    }

    #[cfg(not(feature = "figures"))]
    fn bytes(&self, _: Format, _: &str, svg: &str) -> Result<Vec<u8>> {
        Ok(svg.as_bytes().to_vec())
    }
}

/// The option that names the formats.
const OPTION: &str = "figure-formats";

#[cfg(feature = "figures")]
mod converted {
    use super::{Format, OPTION};
    use crate::error::{Error, Result};
    use resvg::tiny_skia::{Pixmap, Transform};
    use resvg::usvg::fontdb::{Database, Family, Query};
    use resvg::usvg::{Options, Tree};
    use std::sync::Arc;
    use svg2pdf::{ConversionOptions, PageOptions};

    /// The number of pixels of a PNG for each unit of the figure.
    const SCALE: f32 = 2.0;

    /// The fonts in which texts are drawn.
    #[derive(Clone, Debug, Default)]
    pub(super) struct Fonts(Arc<Database>);

    impl Fonts {
        /// The fonts of this system.
        pub(super) fn of_system(format: Format) -> Result<Self> {
            let mut fonts = Database::new();
            fonts.load_system_fonts();
            Self::of(fonts).ok_or_else(|| {
                let expected = format!("a font on this system for the texts of {}, or svg", format.name());
                Error::option(OPTION, expected, "no font")
            })
        }

        /// The fonts; none if there is no font at all. Text whose font is missing would be left out of a figure. If the
        /// system has none of the figures' fonts, another font is therefore taken: by name the first that has `Sans` in
        /// its name or, if none has, the first of all.
        fn of(mut fonts: Database) -> Option<Self> {
            let families = [Family::Name("Helvetica"), Family::Name("Arial"), Family::SansSerif];
            if fonts.query(&Query { families: &families, ..Query::default() }).is_none() {
                let mut names: Vec<String> =
                    fonts.faces().filter_map(|face| Some(face.families.first()?.0.clone())).collect();
                names.sort_by_key(|name| (!name.contains("Sans"), name.clone()));
                fonts.set_sans_serif_family(names.into_iter().next()?);
            }
            Some(Self(Arc::new(fonts)))
        }

        fn tree(&self, svg: &str) -> std::result::Result<Tree, String> {
            let options = Options { fontdb: Arc::clone(&self.0), ..Options::default() };
            Tree::from_str(svg, &options).map_err(|error| error.to_string())
        }

        pub(super) fn png(&self, svg: &str) -> std::result::Result<Vec<u8>, String> {
            let tree = self.tree(svg)?;
            let size = tree.size().to_int_size().scale_by(SCALE).ok_or("a size that is too large")?;
            let mut pixels = Pixmap::new(size.width(), size.height()).ok_or("a size that is too large")?;
            resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
            pixels.encode_png().map_err(|error| error.to_string())
        }

        pub(super) fn pdf(&self, svg: &str) -> std::result::Result<Vec<u8>, String> {
            // Texts as outlines: the order of embedded fonts would change from one process to the next.
            let options = ConversionOptions { embed_text: false, ..ConversionOptions::default() };
            let pdf = svg2pdf::to_pdf(&self.tree(svg)?, options, PageOptions::default());
            pdf.map_err(|error| error.to_string())
        }
    }
}
