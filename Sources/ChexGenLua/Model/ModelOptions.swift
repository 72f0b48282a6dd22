import Files
import LuaRuntime

/// The options of models that parameters of experiments name, for who looks at them before a run.
package enum ModelOptions {
    /// Those of `model.encoder`, for encoders that are no script's.
    package static let encoder = ["device", "dtype", "weights"]
    /// Those of `model.labeler`.
    package static func labeler(_ session: ScriptContext) -> [String] {
        LabelerModule.options(session).map(\.name).sorted()
    }
    /// What `dtype` may be.
    package static let dtypes = ["f32", "bf16"]
    /// The option `dtype` of what opens a model.
    static let dtype = LuaParameter("dtype", .choice(dtypes), optional: true, "The run's where absent.")

    /// What is wrong with an option that is none of these.
    package static func unknown(_ name: String, of known: [String]) -> String {
        "unknown option '\(name)'" + (nearest(name, among: known).map { "; did you mean '\($0)'?" } ?? "")
            + "; known: " + known.joined(separator: ", ")
    }
}
