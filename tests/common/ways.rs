//! Tests that run twice: on the definition of an operation and on its kernel.

/// Defines two tests for each function that has a `Way` as argument: `definition::<name>` and `kernel::<name>`.
macro_rules! both_ways {
    ($($name:ident),+ $(,)?) => {
        mod definition {
            $(#[test] fn $name() { super::$name(spikeslab::kernels::Way::Definition); })+
        }

        mod kernel {
            $(#[test] fn $name() { super::$name(spikeslab::kernels::Way::Kernel); })+
        }
    };
}
