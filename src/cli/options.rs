//! The options that `train` and `compare` share.

mod recipe;

use super::Failure;
use super::init::{self, Standardizing};
use super::output::{note, the_first};
use super::source::check_outside;
use super::teacher::Student;
use super::training::{Changes, trainer};
use crate::error::{Error, Result};
use crate::files::read::TENSORS;
use crate::nets::graph::elements;
use crate::nets::{Description, Given, Graph};
use crate::prior::Codebook;
use crate::prior::codebook::check_levels;
use crate::prior::multi_spike::zero_level;
use crate::reserve::reserve;
use crate::train::config::{Config, VERSION};
use crate::train::data::{Dataset, Split, Standardization, load};
use crate::train::objective::Forward;
use crate::train::phase;
use crate::train::projection::{check_level_gap, level_gap};
use crate::train::recipe::{DEEP, InitLevels, PriorName, Recipe, RecipeName};
use clap::Args;
use recipe::GivenRecipe;
use std::convert::Infallible;
use std::num::ParseFloatError;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The default number of epochs on the embedded images: enough to bring the weights of the presets for them to their
/// levels, in under a minute.
const EMBEDDED_EPOCHS: u32 = 40;
const EMBEDDED_SHAPE: [usize; 3] = [1, 28, 28];
/// The default share of the steps that come before the layers compute with quantized weights, for a network that has
/// one phase by default.
const FIRST_PHASE: f64 = 0.5;
/// The default number of levels.
const LEVELS: usize = 3;
/// The same for the prior `windows`, which needs a codebook without a zero level.
const WINDOWS_LEVELS: usize = 4;

/// Where CIFAR-10 is published, and how to get it.
const ADVICE: &str = if cfg!(feature = "download") {
    "They are published at https://www.cs.toronto.edu/~kriz/cifar.html; --data cifar10 --download cifar-10 fetches them."
} else {
    "They are published at https://www.cs.toronto.edu/~kriz/cifar.html: unpack cifar-10-binary.tar.gz, and give --data \
     cifar-10-batches-bin. A build with --features download fetches them: --data cifar10 --download cifar-10."
};

/// What to train on, and how.
#[derive(Debug, Args)]
pub(super) struct TrainingOptions {
    /// A folder of PNG and JPEG images for each class, an .npz file, or a directory with the files of MNIST,
    /// Fashion-MNIST, EMNIST, CIFAR-10 or CIFAR-100 [default: embedded images]
    #[arg(long, value_name = "PATH")]
    pub(super) data: Option<PathBuf>,
    /// Train on the 20 coarse labels of CIFAR-100, not the 100 fine ones
    #[arg(long)]
    coarse: bool,
    /// Train on the first N training images only; all test images are used
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    limit: Option<usize>,
    /// Share of the training images to hold out: epochs are evaluated on these, and the test images are used once, at
    /// the end
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    validation: Option<f64>,
    /// Number of levels, 2 to 256 [default: 3, and 4 for --prior windows]
    #[arg(long, value_name = "M", conflicts_with = "codebook", allow_negative_numbers = true)]
    levels: Option<usize>,
    /// The levels to begin with, ascending
    #[arg(long, value_name = "LEVELS", value_delimiter = ',', allow_hyphen_values = true)]
    codebook: Option<Vec<Level>>,
    /// Begin with the weights of a run or a packed model of the same network, or of a safetensors file with PyTorch's
    /// names; levels, ln σ² and the optimizer's state are not taken over
    #[arg(long, value_name = "RUN|PACKED|FILE")]
    init: Option<PathBuf>,
    /// JSON object of the tensors with other names in the file of --init: {"conv1.weight": "features.0.weight"}
    #[arg(long, value_name = "FILE", requires = "init")]
    init_names: Option<PathBuf>,
    /// Names of lines of the network's text, separated by commas, whose parameters begin at random and not with those of
    /// --init: for instance the last layer, to train for other classes
    #[arg(
        long, value_name = "LINES", requires = "init", value_delimiter = ',',
        value_parser = |line: &str| Ok::<_, Infallible>(line.trim().to_string())
    )]
    init_except: Vec<String>,
    /// Learn from the predictions of a trained network in place of the labels, or mixed with them (--teacher-share): a
    /// run or a packed model, or a safetensors file of the same network with PyTorch's names. Teacher and student
    /// compute with pixels standardized as the teacher's were
    #[arg(long, value_name = "RUN|PACKED|FILE")]
    teacher: Option<PathBuf>,
    /// Weight λ of the teacher's probabilities in the loss, 0 to 1; the label has 1 - λ [default: 1]
    #[arg(long, value_name = "SHARE", requires = "teacher", allow_negative_numbers = true)]
    teacher_share: Option<f64>,
    /// Whether the first and the last layer stay in full precision, without noise or levels [default: false, and true
    /// for deep networks with --recipe best]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    keep_first_last: Option<bool>,
    /// The defaults of the options below
    #[arg(long = "recipe", value_enum, value_name = "NAME", default_value = "best")]
    recipe_name: RecipeName,
    #[command(flatten)]
    recipe: GivenRecipe,
}

/// The options of [`TrainingOptions`], without those of the recipe, that cannot be given together with `--resume`.
pub(super) const FIXED_ON_RESUME: [&str; 10] = [
    "coarse",
    "limit",
    "validation",
    "levels",
    "codebook",
    "init_names",
    "init_except",
    "teacher_share",
    "keep_first_last",
    "recipe_name",
];

/// A level as it was given, in f64, and as it is used, in f32.
#[derive(Clone, Copy, Debug)]
struct Level {
    given: f64,
    used: f32,
}

impl FromStr for Level {
    type Err = ParseFloatError;

    fn from_str(text: &str) -> std::result::Result<Self, ParseFloatError> {
        // Both are rounded from the text directly, so that each is rounded once.
        Ok(Self { given: text.parse()?, used: text.parse()? })
    }
}

/// The levels in f32, if they are valid levels after rounding too.
fn given(levels: &[Level]) -> Result<Vec<f32>> {
    check_levels("codebook", &levels.iter().map(|level| level.given).collect::<Vec<_>>())?;
    if let Some(level) = levels.iter().find(|level| !level.used.is_finite()) {
        return Err(Error::option(
            "codebook",
            format!("finite levels, of at most {:e}", f32::MAX),
            format!("{:e}", level.given),
        ));
    }
    match levels.windows(2).find(|pair| pair[0].used >= pair[1].used) {
        Some(pair) => {
            let seen = format!("{:?} before {:?}, both {:?}", pair[0].given, pair[1].given, pair[0].used);
            Err(Error::option("codebook", "levels that differ in F32", seen))
        }
        None => Ok(levels.iter().map(|level| level.used).collect()),
    }
}

impl TrainingOptions {
    /// The value of `--forward`, if it is given.
    pub(super) fn forward(&self) -> Option<Forward> {
        self.recipe.forward()
    }

    /// Checks that the directory of a run, `out`, is not inside the folder of images that are trained on.
    pub(super) fn check_outside_data(&self, out: &Path) -> Result<()> {
        self.data.as_deref().map_or(Ok(()), |data| check_outside(data, "out", out))
    }

    /// The changes that the options make to a run with `--resume`.
    pub(super) fn changes(&self) -> Result<Changes> {
        let epochs = self.recipe.epochs();
        let given = [&self.data, &self.init, &self.teacher];
        let [data, init, teacher] = given.map(|path| path.as_deref().map(absolute).transpose());
        Ok(Changes { epochs, data: data?, init: init?, teacher: teacher? })
    }

    /// The configurations that `derive` makes from the one that the options describe; each of them is checked.
    pub(super) fn configs<T>(
        &self,
        network: &Description,
        derive: impl FnOnce(Config, &Graph) -> Result<Vec<(T, Config)>>,
    ) -> std::result::Result<Vec<(T, Config)>, Failure> {
        let (config, graph, data) = self.config_and_data(network)?;
        let configs = derive(config, &graph)?;
        configs.iter().try_for_each(|(_, config)| check_can_begin(config, network, &graph, &data.train))?;
        tell_missing("training", &data.train);
        tell_missing("test", &data.test);
        let has_prior = configs.iter().any(|(_, config)| config.recipe.prior != PriorName::None);
        if has_prior && graph.layers().all(|layer| layer.unquantized) {
            note("all layers are unquantized: no weight has noise, a prior or levels");
        }
        Ok(configs)
    }

    /// The checked configuration of a run that trains the network on the data that the options name.
    pub(super) fn config(&self, network: &Description) -> std::result::Result<Config, Failure> {
        Ok(self.configs(network, |config, _| Ok(vec![((), config)]))?.remove(0).1)
    }

    /// The configuration of a run of the options, the graph of its network, and its data.
    fn config_and_data(&self, network: &Description) -> std::result::Result<(Config, Graph, Split), Failure> {
        let mut data = self.load_data(network)?;
        let (checksum, trained_on) = (data.train.checksum(), data.identity.take());
        self.validation.map_or(Ok(()), |share| data.hold_out(share))?;
        let source = self.data.as_deref().unwrap_or(Path::new("embedded images"));
        // An error only if it is used: --init and --teacher may have their own.
        let own = Standardization::for_training(&data.train)
            .map_err(|error| Error::file(source, "images that can be standardized", error));
        let graph = self.graph(network, &data.train)?;
        let recipe = self.recipe(&graph, data.train.len())?;
        let codebook = self.codebook(&recipe)?;
        let level_gap = shortest(level_gap(&codebook) as f32);
        let recipe = self.recipe.over(Recipe { level_gap, ..recipe });
        let names = self.init_names.as_deref();
        let except = &self.init_except;
        let init = self.init.as_deref().map(|path| init::of(path, names, except, &graph)).transpose()?;
        let share = self.teacher_share.unwrap_or(1.0);
        let of = |path: &PathBuf| init::standardizing(path, &data.train, &graph, except);
        let standardizing = self.init.as_ref().map(of).transpose()?;
        let is_unknown = matches!(standardizing, Some(Standardizing::Unknown));
        let recorded = match standardizing {
            Some(Standardizing::AsRecorded(standardization)) => Some(standardization),
            _ => None,
        };
        let standardization = recorded.clone().map_or(own, Ok);
        let is_standardized = matches!(standardization, Ok(Some(_)));
        let student = Student { graph: &graph, data: &data.train, standardized: is_standardized };
        let teacher = self.teacher.as_deref().map(|path| student.begin(path, share)).transpose()?;
        // The teacher and the student compute with the same pixels.
        let (teacher, standardization) = match teacher {
            Some((teacher, Some(images))) => {
                if recorded.is_some_and(|recorded| images.standardization != recorded) {
                    let expected = "a teacher of images standardized as those of the weights of --init";
                    return Err(Error::file(&teacher.path, expected, "another standardization").into());
                }
                (Some(teacher), images.standardization)
            }
            teacher => {
                let standardization = standardization?;
                if let (true, Some(path)) = (is_unknown, &self.init) {
                    init::tell_unknown(path, standardization.is_some());
                }
                (teacher.map(|(teacher, _)| teacher), standardization)
            }
        };
        let config = Config {
            version: VERSION,
            network: network.short_name().to_string(),
            text: Some(graph.to_string().lines().map(str::to_string).collect()),
            data: self.data.as_deref().map(absolute).transpose()?,
            trained_on,
            data_checksum: checksum,
            coarse: self.coarse,
            limit: self.limit,
            validation: self.validation,
            standardization,
            init,
            teacher,
            codebook,
            recipe,
            earlier_epochs: Vec::new(),
        };
        Ok((config, graph, data))
    }

    /// The graph of the network for these images, with the layers that the options leave in full precision.
    fn graph(&self, network: &Description, data: &Dataset) -> Result<Graph> {
        let mut graph =
            network.graph(Given { input: Some(data.shape()), classes: Some(data.classes()), outputs: None })?;
        let layers = graph.layers().count();
        let is_two_phased = layers >= DEEP && self.recipe_name == RecipeName::Best;
        if self.keep_first_last.unwrap_or(is_two_phased) {
            graph.keep_first_and_last();
            if graph.layers().all(|layer| layer.unquantized) {
                let expected = "a network of three layers or more, of which one is then quantized";
                return Err(Error::option("keep-first-last", expected, layers));
            }
        }
        Ok(graph)
    }

    /// The options' recipe for a network and `images` training images, except for the `level_gap`, whose default
    /// depends on the codebook.
    fn recipe(&self, graph: &Graph, images: usize) -> Result<Recipe> {
        let mut default = self.default_recipe(graph.layers().count())?;
        if !self.can_fit_levels(graph, self.recipe.over(default.clone()).prior) {
            default.init_levels = InitLevels::Given;
        }
        // The default number of epochs depends on the batch size, which may be given.
        let mut default = self.recipe.over(default).with_enough_steps(images);
        if self.data.is_none() {
            default.epochs = EMBEDDED_EPOCHS;
        }
        let mut recipe = self.recipe.over(default);
        if recipe.forward != Forward::Sampled && self.recipe_name == RecipeName::Best {
            // Most random weights have one nearest level: a network that computed with their levels could not learn.
            let warmup = if !self.begins_trained() && recipe.warmup == 0.0 { FIRST_PHASE } else { recipe.warmup };
            let init_levels = self.levels_of_quantized(graph, &recipe);
            recipe = self.recipe.over(Recipe { warmup, init_levels, ..recipe });
        }
        if recipe.forward == Forward::StraightThrough {
            // Straight-through has no prior, so that `--prior none` need not be given.
            recipe = self.recipe.over(Recipe { prior: PriorName::None, ..recipe });
        } else if matches!(recipe.prior, PriorName::None | PriorName::Gaussian) {
            // Without a prior of levels there is one phase, unless the options say otherwise.
            let warmup = if self.forward().is_none_or(|given| given == Forward::Sampled) { 0.0 } else { recipe.warmup };
            recipe = self.recipe.over(Recipe { forward: Forward::Sampled, warmup, ..recipe });
        } else if recipe.prior == PriorName::Vnq {
            // The levels of k-means have no level at 0, which this prior needs.
            recipe = self.recipe.over(Recipe { init_levels: InitLevels::Given, ..recipe });
        }
        let steps = recipe.steps_per_epoch(images) as u64 * u64::from(recipe.epochs);
        if !self.begins_trained() && recipe.first_phase_steps(steps) == 0 {
            // Weights are random: there is nothing to fit levels to.
            recipe = self.recipe.over(Recipe { init_levels: InitLevels::Given, ..recipe });
            if recipe.init_levels == InitLevels::Kmeans {
                let expected = "given, or trained weights to fit levels to, by --warmup or --init";
                return Err(Error::option("init-levels", expected, "kmeans"));
            }
        }
        self.recipe.check_effects(&recipe)?;
        Ok(recipe)
    }

    /// How a run that computes with quantized weights gets its levels: as `--init-levels` says; without it by k-means
    /// or, if levels are given or a layer has fewer weights than levels, as in `recipe`.
    pub(super) fn levels_of_quantized(&self, graph: &Graph, recipe: &Recipe) -> InitLevels {
        let can_fit = self.can_fit_levels(graph, recipe.prior);
        let default = if can_fit { InitLevels::Kmeans } else { recipe.init_levels };
        self.recipe.init_levels().unwrap_or(default)
    }

    /// Whether k-means can give each layer its levels: the options give none, and no layer has fewer weights than
    /// levels.
    fn can_fit_levels(&self, graph: &Graph, prior: PriorName) -> bool {
        self.codebook.is_none() && phase::check_levels(graph, self.level_count(prior)).is_ok()
    }

    /// M, if no levels are given.
    fn level_count(&self, prior: PriorName) -> usize {
        self.levels.unwrap_or(if prior == PriorName::Windows { WINDOWS_LEVELS } else { LEVELS })
    }

    /// The levels that each layer begins with.
    fn codebook(&self, recipe: &Recipe) -> Result<Vec<f32>> {
        match &self.codebook {
            Some(levels) => given(levels),
            None => Ok(Codebook::symmetric(self.level_count(recipe.prior))?.levels().to_vec()),
        }
    }

    /// Whether all weights are those of another training: `--init`, without `--init-except`.
    fn begins_trained(&self) -> bool {
        self.init.is_some() && self.init_except.is_empty()
    }

    /// The defaults for a network of `layers` layers. If all weights are those of another training, there is no first
    /// phase: they have had one.
    fn default_recipe(&self, layers: usize) -> Result<Recipe> {
        let has_zero_level = match &self.codebook {
            Some(levels) => levels.iter().any(|level| level.used == 0.0),
            None => zero_level(Codebook::<f32>::symmetric(self.levels.unwrap_or(LEVELS))?.levels()).is_some(),
        };
        let recipe = match self.recipe_name {
            RecipeName::Best => Recipe::for_layers(layers),
            RecipeName::OnePhase => Recipe::in_one_phase(layers),
            RecipeName::Published => Recipe::published(layers, has_zero_level),
        };
        Ok(if self.begins_trained() { Recipe { warmup: 0.0, ..recipe } } else { recipe })
    }

    /// The images to train and test on.
    fn load_data(&self, network: &Description) -> std::result::Result<Split, Failure> {
        // The preset is for images of another shape than the embedded ones.
        if self.data.is_none() && network.is_preset() && network.graph(Given::default())?.input != EMBEDDED_SHAPE {
            let expected = format!("--data PATH with CIFAR-10 or other images to train {} on", network.name());
            return Err(Failure::Advised(Error::option("data", expected, "none"), ADVICE));
        }
        let mut data = load(self.data.as_deref(), self.coarse)?;
        self.limit.map_or(Ok(()), |images| data.limit(images))?;
        Ok(data)
    }
}

/// Prints the classes of which a part of a data set has no image.
fn tell_missing(part: &str, data: &Dataset) {
    let missing = data.missing_classes();
    if !missing.is_empty() {
        let (count, all) = (missing.len(), data.classes());
        let have = if count == 1 { "has" } else { "have" };
        note(&format!("{count} of the {all} classes {have} no {part} image: {}", the_first(&missing)));
    }
}

/// The shortest decimal that is this number in f32: 0.001, where a conversion gives 0.0010000000149011613.
pub(super) fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(number.into())
}

fn absolute(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|source| Error::io(path, source))
}

/// Checks whatever could fail at the first step, before the directory of the run is created.
fn check_can_begin(config: &Config, network: &Description, graph: &Graph, data: &Dataset) -> Result<()> {
    let codebook = config.check(data.len())?;
    let gap = config.recipe.level_gap;
    check_level_gap("codebook", codebook.levels(), gap).map_err(|error| match error {
        Error::Tensor { seen, .. } => {
            let expected = format!("at most the smallest distance of levels in the codebook, here of {seen}");
            Error::option("level-gap", expected, gap)
        }
        other => other,
    })?;
    if config.recipe.init_levels == InitLevels::Kmeans {
        phase::check_levels(graph, config.codebook.len())?;
    }
    let sizes = graph.parameters.iter().map(|parameter| elements(&parameter.shape));
    let numbers = sizes.fold(0, usize::saturating_add);
    // A checkpoint has a value and two moments of each.
    let most = TENSORS as usize / size_of::<[f32; 3]>();
    if numbers > most {
        let expected = format!("a network of at most {most} parameters, ln σ² included, which a checkpoint can hold");
        return Err(Error::option("network", expected, numbers));
    }
    // In memory each also has a gradient.
    reserve::<[f32; 4]>(numbers, || format!("training {}", network.name()))?;
    trainer(config, config.graph(data)?, &codebook, data, true).map(drop)
}
