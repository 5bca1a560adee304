//! The options that are fields of a [`Recipe`].

use crate::error::{Error, Result};
use crate::train::objective::Forward;
use crate::train::recipe::{InitLevels, PriorName, Recipe};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

/// The only field of a run's recipe that can be changed with `--resume`.
const CHANGEABLE: &str = "epochs";

/// The fields of a [`Recipe`] that are given on the command line.
#[derive(Clone, Debug)]
pub(super) struct GivenRecipe(ArgMatches);

impl FromArgMatches for GivenRecipe {
    fn from_arg_matches(matches: &ArgMatches) -> std::result::Result<Self, clap::Error> {
        Ok(Self(matches.clone()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> std::result::Result<(), clap::Error> {
        self.0 = matches.clone();
        Ok(())
    }
}

impl Args for GivenRecipe {
    fn augment_args(command: Command) -> Command {
        // Every field may be left out: its default depends on the network, and with `--resume` it is in the run's
        // configuration.
        let recipe = Recipe::augment_args_for_update(Command::new("recipe"));
        let is_fixed =
            |arg: &Arg| arg.get_id() != CHANGEABLE && recipe.get_arguments().any(|a| a.get_id() == arg.get_id());
        Recipe::augment_args_for_update(command)
            .mut_args(|arg| if is_fixed(&arg) { arg.conflicts_with("resume") } else { arg })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl GivenRecipe {
    /// The value of `--forward`, if it is given.
    pub(super) fn forward(&self) -> Option<Forward> {
        self.0.get_one("forward").copied()
    }

    /// The value of `--init-levels`, if it is given.
    pub(super) fn init_levels(&self) -> Option<InitLevels> {
        self.0.get_one("init_levels").copied()
    }

    /// The new number of epochs of a run with `--resume`, if it is given.
    pub(super) fn epochs(&self) -> Option<u32> {
        self.0.get_one(CHANGEABLE).copied()
    }

    /// The recipe with these fields, and with the other fields as in `default`.
    pub(super) fn over(&self, mut default: Recipe) -> Recipe {
        default.update_from_arg_matches(&self.0).expect("clap has parsed every value");
        default
    }

    /// Checks that no option is given that changes nothing, since `recipe` has no augmentation, no KL, no spikes or no
    /// learned levels.
    pub(super) fn check_effects(&self, recipe: &Recipe) -> Result<()> {
        let no_kl = recipe.prior == PriorName::None;
        let no_spikes = no_kl || recipe.prior == PriorName::Gaussian;
        let constant_levels = no_spikes && recipe.forward == Forward::Sampled;
        // Levels that are fitted are also kept this far apart.
        let no_gap = constant_levels && recipe.init_levels == InitLevels::Given;
        let needed = [
            ("spike", no_spikes, "a multi-spike prior"),
            ("kl_scale", no_kl, "a prior with a KL"),
            ("kl_weight", no_kl, "a prior with a KL"),
            ("kl_warmup", no_kl, "a prior with a KL"),
            ("kl_warmup_power", no_kl, "a prior with a KL"),
            ("level_rate", constant_levels, "a training that moves the levels"),
            ("level_gap", no_gap, "a training that moves the levels"),
        ];
        let given = |name: &str| self.0.value_source(name).is_some();
        if !recipe.augment && given("mirror") {
            return Err(Error::option("mirror", "--augment, else it has no effect", "none"));
        }
        match needed.into_iter().find(|(name, has_no_effect, _)| *has_no_effect && given(name)) {
            None => Ok(()),
            Some((name, _, expected)) => {
                let seen = format!("--prior {} --forward {}", recipe.prior.name(), recipe.forward.name());
                Err(Error::option(name.replace('_', "-"), format!("{expected}, else it has no effect"), seen))
            }
        }
    }
}
