//! The models that commands such as `eval` and `inspect` read: run directories and packed models.

use super::init::is_packed;
use super::output::note;
use super::training::check_origin;
use crate::error::{Error, Result};
use crate::files::write::destination;
use crate::nets::{Given, Graph, Network};
use crate::packed::{PackedModel, format};
use crate::train::Run;
use crate::train::checkpoint::{self, Checkpoint, Origin};
use crate::train::config::Config;
use crate::train::data::cifar::CIFAR100;
use crate::train::data::load::{has_coarse_labels, is_file_of, is_of_image_files};
use crate::train::data::{Dataset, Split, TrainedOn, load, load_to_evaluate};
use crate::train::objective::Forward;
use crate::train::recipe::PriorName;
use std::path::Path;

/// A run or a packed model.
#[derive(Debug)]
pub(super) enum Source {
    Run(Box<Config>, Box<Checkpoint>),
    Packed(Box<PackedModel>),
}

impl Source {
    /// Reads a run directory or a packed model's file.
    pub(super) fn load(path: &Path) -> Result<Self> {
        if path.is_dir() {
            let (config, checkpoint) = load_run(path)?;
            Ok(Self::Run(Box::new(config), Box::new(checkpoint)))
        } else if path.is_file() && !is_packed(path)? {
            Err(Error::file(path, "a run directory or a packed model", "a file that is neither"))
        } else {
            Ok(Self::Packed(Box::new(format::load(path)?)))
        }
    }

    /// The quantized model.
    pub(super) fn model(&self) -> PackedModel {
        match self {
            Self::Run(config, checkpoint) => packed(config, &checkpoint.network),
            Self::Packed(model) => (**model).clone(),
        }
    }

    /// Prints why the weights of a run may be far from the levels that they are rounded to: see [`tell_rounded`].
    pub(super) fn tell_rounded(&self, path: &Path) {
        if let Self::Run(config, checkpoint) = self {
            tell_rounded(path, config, checkpoint);
        }
    }

    /// The model of the mean weights of a run, of which no layer is quantized. None for a packed model, which no longer
    /// has them.
    pub(super) fn mean_model(&self) -> Option<PackedModel> {
        let Self::Run(config, checkpoint) = self else { return None };
        let model = PackedModel::of_means(&config.network, &checkpoint.network, config.standardization.clone());
        Some(model.with_trained_on(config.trained_on.clone()))
    }
}

/// A run in words: its network, the epochs that are over and those of the whole training.
pub(super) fn run_of(network: &str, (over, all): (u32, u32)) -> String {
    format!("run of {network} after epoch {over} of {all}")
}

/// Prints why the weights of a run may be far from the levels that they are rounded to: the run has not ended, or no
/// prior pulled the weights to levels.
pub(super) fn tell_rounded(path: &Path, config: &Config, checkpoint: &Checkpoint) {
    let recipe = &config.recipe;
    let (epoch, epochs) = (checkpoint.position.epoch, recipe.epochs);
    if epoch < epochs {
        note(&format!("{}: after epoch {epoch} of {epochs} the weights may be far from their levels", path.display()));
    }
    if recipe.forward == Forward::Sampled && matches!(recipe.prior, PriorName::None | PriorName::Gaussian) {
        note(&format!(
            "{}: no prior pulled its weights to levels, so that they are rounded to its codebook; quantize --kmeans M fits \
             levels to them",
            path.display()
        ));
    }
}

/// Checks, after links are resolved, that `output` is not the same file as `input` nor, if `input` is a data set, one
/// of its files. An `output` that does not exist yet must not have the name of such a file.
pub(super) fn check_other(input: &Path, output: &Path) -> Result<()> {
    let (Ok(from), Some(to)) = (input.canonicalize(), destination(output)) else { return Ok(()) };
    if from == to {
        return Err(Error::file(output, "another file than the input", "the input"));
    }
    if is_file_of(&from, &to) {
        let seen = format!("a file of the data in {}", input.display());
        return Err(Error::file(output, "an output that is not a file of a data set", seen));
    }
    Ok(())
}

/// Checks that a directory to write, `out`, is not inside a data set of image files, where it would become a class or
/// one of the images. An error names the option of `out`.
pub(super) fn check_outside(data: &Path, option: &str, out: &Path) -> Result<()> {
    if !is_of_image_files(data)? {
        return Ok(());
    }
    // The directory itself may not exist yet.
    let there = out.ancestors().map(|dir| if dir == Path::new("") { Path::new(".") } else { dir });
    let place = there.filter(|dir| dir.exists()).find_map(|dir| dir.canonicalize().ok());
    match (place, data.canonicalize()) {
        (Some(place), Ok(data)) if place.starts_with(&data) => {
            let expected = format!("a directory outside {}, whose images are the data", data.display());
            Err(Error::option(option, expected, out.display()))
        }
        _ => Ok(()),
    }
}

/// Checks that `output` is none of the files that a run reads: its data, the weights it begins with, its teacher.
pub(super) fn check_none_of_run(config: &Config, output: &Path) -> Result<()> {
    let init = config.init.as_ref().map(|init| &init.path);
    let teacher = config.teacher.as_ref().map(|teacher| &teacher.path);
    [config.data.as_ref(), init, teacher].into_iter().flatten().try_for_each(|input| check_other(input, output))
}

/// The configuration and the checkpoint of a run.
pub(super) fn load_run(dir: &Path) -> Result<(Config, Checkpoint)> {
    let config = Run::config(dir)?;
    let path = Run::checkpoint_path(dir);
    if !Run::has_checkpoint(dir)? {
        return Err(Error::file(dir, "a run with a checkpoint", "none"));
    }
    let checkpoint = checkpoint::load(&path)?;
    if let Some(standardization) = &config.standardization {
        let channels = checkpoint.network.graph().input[0];
        let expected = "a run whose configuration fits its checkpoint";
        standardization.check(channels).map_err(|error| Error::file(dir, expected, error))?;
    }
    if let Some(origin) = &checkpoint.origin
        && origin.config != config
    {
        let run = Origin { config: config.clone(), ..origin.clone() };
        check_origin(&path, &run, &checkpoint, false)?;
    }
    let graph = checkpoint.network.graph();
    let (input, classes) = (Some(graph.input), Some(graph.classes()));
    let own = config.graph_of(Given { input, classes, outputs: None });
    let own = own.map_err(|error| Error::file(dir, "a run whose configuration fits its checkpoint", error))?;
    if own != *graph {
        return Err(Error::file(&path, format!("a checkpoint of {}", config.network), "another network"));
    }
    Ok((config, checkpoint))
}

/// The packed model of a run's network.
pub(super) fn packed(config: &Config, network: &Network<f32>) -> PackedModel {
    let model = PackedModel::new(&config.network, network, config.standardization.clone());
    model.with_trained_on(config.trained_on.clone())
}

/// The data set that a run's configuration names.
pub(super) fn own_data(config: &Config, coarse: bool) -> Result<Split> {
    config.data.as_deref().map_or(Ok(()), |path| check_there(path, "the data of the run", "data"))?;
    load(config.data.as_deref(), coarse)
}

/// Checks that there is something at a path of a run's configuration. The error says that `what` is missing, and that
/// `option` gives its new path.
pub(super) fn check_there(path: &Path, what: &str, option: &str) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    Err(Error::file(path, format!("{what}, whose new path --{option} gives"), "nothing of that name"))
}

/// Whether to read the coarse labels of the data set at `path` for a run: if they are `asked` for, or the run was
/// trained on coarse labels and the data set has some.
pub(super) fn reads_coarse(config: &Config, path: &Path, asked: bool) -> Result<bool> {
    Ok(asked || (config.coarse && has_coarse_labels(path)?))
}

/// The data set at `path` or, without a path, the images in the program, for a packed model. The images in the program
/// are refused if the model records that it was trained on another data set.
pub(super) fn data_for(model: &PackedModel, path: Option<&Path>, coarse: bool) -> Result<Split> {
    let trained_on = model.trained_on.as_ref();
    let Some(path) = path else {
        let data = load(None, coarse)?;
        return match (trained_on, &data.identity) {
            (Some(own), Some(there)) if own.name != there.name => {
                let expected = format!("--data with {}, which the model was trained on", own.name);
                Err(Error::option("data", expected, format!("none, which is {}", there.name)))
            }
            _ => Ok(data),
        };
    };
    data_at(path, coarse, model.graph(), trained_on)
}

/// The data set at `path`, to evaluate a model of `graph` that was trained on `trained_on`. The data set may consist of
/// test images alone, and these may be of only some of the model's classes. If it has no test images and is not the data
/// set that the model was trained on, a note says which images are used.
pub(super) fn data_at(path: &Path, coarse: bool, graph: &Graph, trained_on: Option<&TrainedOn>) -> Result<Split> {
    let mut data = load_to_evaluate(Some(path), coarse)?;
    if data.train.is_empty() {
        data.test = in_channels(data.test, graph);
    }
    let Some(own) = trained_on else { return Ok(data) };
    if data.train.is_empty() {
        // Arrays have numbers where the model may have names.
        let numbers: Vec<String> = (0..own.classes.len()).map(|class| class.to_string()).collect();
        let by_number = || Some(data.test.in_classes(&numbers)?.with_class_names(&own.classes));
        if let Some(test) = data.test.in_classes(&own.classes).or_else(by_number) {
            data.test = test;
        }
    }
    let is_own = data.identity.as_ref().is_none_or(|there| there.checksum == own.checksum);
    if data.test_is_held_out && !is_own {
        note(&format!(
            "{}: a fifth of each class is used, as there are no test images; if the model was trained on an earlier state \
             of these images, it knows some of them. Test images alone, such as a folder test or x_test and y_test, are all \
             used",
            path.display()
        ));
    }
    Ok(data)
}

/// Images for a model of `graph`: for a model of colour images, grey images get three equal channels; for a model of
/// grey images, colour images whose three channels are equal get one. `predict` converts images in files in the same way.
pub(super) fn in_channels(images: Dataset, graph: &Graph) -> Dataset {
    match (images.shape()[0], graph.input[0]) {
        (1, 3) => images.in_three_channels(),
        (3, 1) => images.in_one_channel().unwrap_or(images),
        _ => images,
    }
}

/// Checks that `data`, which the configuration of the run in `dir` names, still have the checksums of the data that the
/// run was begun on.
pub(super) fn check_data(dir: &Path, config: &Config, checkpoint: &Checkpoint, data: &Split) -> Result<()> {
    let train = data.train.checksum_of_first(config.limit.unwrap_or(usize::MAX));
    let test = checkpoint.origin.as_ref().map(|origin| origin.test_checksum);
    for (name, begun_on, there) in
        [("data", Some(config.data_checksum), train), ("test data", test, data.test.checksum())]
    {
        if let Some(begun_on) = begun_on.filter(|begun_on| *begun_on != there) {
            let expected = format!("the {name} it was begun on, checksum {begun_on:08x}");
            return Err(Error::file(dir, expected, format!("{there:08x}")));
        }
    }
    Ok(())
}

/// The training images of a data set that a run was trained on, standardized as in that run.
pub(super) fn training_images(config: &Config, mut images: Dataset) -> Result<Dataset> {
    images.keep_first(config.limit.unwrap_or(usize::MAX));
    if let Some(share) = config.validation {
        images = images.hold_out(share)?.0;
    }
    images.standardize(config.standardization.as_ref())?;
    Ok(images)
}

/// Checks that images have the shape and the classes of the images that a network was trained on.
pub(super) fn check_images(data: &Dataset, graph: &Graph, trained_on: Option<&TrainedOn>) -> Result<()> {
    if data.shape() != graph.input {
        let expected = format!("shape {:?}, as the model was trained on", graph.input);
        return Err(Error::tensor("images", expected, format!("{:?}", data.shape())));
    }
    if graph.classes() != data.classes() {
        let [coarse, fine] = [0, 1].map(|which| CIFAR100.labels[which].1.len());
        let is_coarse = (graph.classes(), data.classes()) == (coarse, fine);
        let hint = if is_coarse { "; --coarse reads those of CIFAR-100" } else { "" };
        let expected = format!("{} classes, as the model was trained on{hint}", graph.classes());
        return Err(Error::tensor("labels", expected, data.classes()));
    }
    match trained_on {
        Some(own) if own.classes != data.class_names() => {
            let expected = format!("the classes {}, as the model was trained on {}", own.classes.join(", "), own.name);
            Err(Error::tensor("labels", expected, data.class_names().join(", ")))
        }
        _ => Ok(()),
    }
}
