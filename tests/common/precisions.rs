//! Tests that run twice: in f64 and in f32.

/// Defines two tests for each function that has the precision as its type parameter: `<name>::in_f64` and
/// `<name>::in_f32`.
macro_rules! both_precisions {
    ($($name:ident),+ $(,)?) => {
        $(
            mod $name {
                #[test]
                fn in_f64() {
                    super::$name::<f64>();
                }

                #[test]
                fn in_f32() {
                    super::$name::<f32>();
                }
            }
        )+
    };
}
