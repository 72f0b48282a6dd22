import Checkpoints
import LuaRuntime
import Tensors

/// `tensor.load` and `tensor.save`.
enum TensorFiles {
    static func load(_ path: String) throws -> [LuaValue] {
        if path.lowercased().hasSuffix(".npy") { return [.tensor(try NumPyFile.load(path))] }
        let checkpoint = try Checkpoint.open(path)
        let fields = try checkpoint.names.map { ($0, LuaValue.tensor(try checkpoint[$0])) }
        return [.fields(fields)]
    }

    static func save(_ path: String, _ value: LuaValue, _ arguments: LuaArguments) throws {
        let lower = path.lowercased()
        if lower.hasSuffix(".npy") {
            guard case .object(let object as TensorObject) = value else {
                throw arguments.fail("value", "wanted a Tensor for a .npy file, got \(value.kind)")
            }
            return try NumPyFile.save(path, object.tensor)
        }
        guard case .table(let table) = value, table.array.isEmpty, !table.fields.isEmpty else {
            throw arguments.fail("value", "wanted a table of tensors by name, got \(value.kind)")
        }
        let named = try table.fields.map { field -> (name: String, tensor: Tensor) in
            guard case .object(let object as TensorObject) = field.value else {
                throw arguments.fail("value", "wanted tensors only, got \(field.value.kind) as '\(field.name)'")
            }
            return (field.name, object.tensor)
        }
        if lower.hasSuffix(".safetensors") {
            try SafeTensors.write(path, named)
        } else if lower.hasSuffix(".npz") {
            try NumPyFile.saveArchive(path, named)
        } else {
            throw arguments.fail("path", "wanted a name ending in .npy, .npz or .safetensors, got \"\(path)\"")
        }
    }
}
