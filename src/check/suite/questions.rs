//! What the tests ask, in the order in which they run.

macro_rules! questions {
    ($($Question:ident $text:literal)*) => {
        /// What a test asks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Question {
            $($Question,)*
        }

        impl Question {
            /// The question, phrased as the statement to be tested.
            pub fn text(self) -> &'static str {
                match self {
                    $(Question::$Question => $text,)*
                }
            }
        }
    };
}

questions! {
    Runs "runs"
    RunsWithOne "runs with one observation"
    RunsWithSeveral "runs with several observations"
    Rows "one output row for each observation"
    AnnouncedShapes "announced shapes are those of the values"
    Modes "training and inference agree in size"
    SinglePrecision "single precision agrees with double"
    Sizes "gradients have the sizes of their inputs"
    ManualTape "manual = tape"
    ManualNumeric "manual = numeric"
    TapeNumeric "tape = numeric"
    ZeroUpstream "zero upstream gives zero"
    LinearUpstream "linear in upstream"
    Deterministic "deterministic"
    NothingCarried "no value carried between calls"
    State "state changes in training alone"
    Independent "observations are independent"
    Reached "every parameter is reached"
    NeedlessWork "no work for gradients that nobody needs"
    Finite "finite at large, tiny and zero inputs"
    FeaturesAndImages "features and images"
    SecondOrder "second order"
}
