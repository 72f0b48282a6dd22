import LuaRuntime

/// Models that a room above this one adds to `chexgen.model`.
public protocol ModelAddition {
    /// The names of networks that `model.parameters` knows by it.
    var networks: [String] { get }
    /// The names and shapes of all tensors of a network's weights; nil where `name` is none of `networks`.
    /// - Parameter config: the folder of its config.json; nil where a script names none.
    func parameters(_ name: String, config: String?) throws -> [(name: String, shape: [Int])]?
    /// The functions that open the models.
    func functions(_ session: ScriptContext) -> [LuaFunctionDeclaration]
    /// The classes of what these functions give.
    var classes: [LuaClassDeclaration] { get }
}

/// A model of the program's own that a registered name may stand for, with the settings of its entry.
package protocol RenamableModel: AnyObject {
    /// The same model under a registered name; what is nil stays as it is.
    func renamed(_ name: String, steps: Int?, guidanceScale: Double?) -> Self
}
