import Files

/// The options of models that parameters of experiments name, for who looks at them before a run.
package enum ModelOptions {
    /// Those of `model.encoder`, for encoders that are no script's.
    package static let encoder = ["device", "dtype", "weights"]
    /// Those of `model.labeler`.
    package static let labeler = ["device", "dtype", "tokenizer", "weights"]
    /// What `dtype` may be.
    package static let dtypes = ["f32", "bf16"]

    /// What is wrong with an option that is none of these.
    package static func unknown(_ name: String, of known: [String]) -> String {
        "unknown option '\(name)'" + (nearest(name, among: known).map { "; did you mean '\($0)'?" } ?? "")
            + "; known: " + known.joined(separator: ", ")
    }
}
