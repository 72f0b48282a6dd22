import Checkpoints
import Foundation
import LuaRuntime
import Runs
import Tensors

/// `run:once`: values that survive a crash. Plain values go to the journal, tensors to files of the run folder.
enum OnceValues {
    /// The key under which a kept value names a tensor's file.
    private static let tensorKey = "$tensor"

    static func value(_ run: RunObject, key: String, compute: LuaFunction) throws -> [LuaValue] {
        if let kept = try run.folder.once(key, cell: run.cell) {
            return [try restore(kept, run: run)]
        }
        let value = try compute.call([]).first ?? .nil
        var tensors = 0
        let plain = try keep(value, name: key) { tensor in
            tensors += 1
            return try run.folder.keepFile(key: key, number: tensors, cell: run.cell) { path in
                try NumPyFile.save(path, tensor)
            }
        }
        try run.folder.storeOnce(key, plain, cell: run.cell)
        return [value]
    }

    private static func keep(
        _ value: LuaValue, name: String, tensor save: (Tensor) throws -> String
    ) throws -> ConfigValue {
        switch value {
        case .object(let object as TensorObject):
            return .map([(tensorKey, .string(try save(object.tensor)))])
        case .table(let table) where table.array.isEmpty:
            return .map(
                try table.fields.map { ($0.name, try keep($0.value, name: "\(name).\($0.name)", tensor: save)) })
        case .table(let table) where table.fields.isEmpty:
            return .list(try table.array.map { try keep($0, name: name, tensor: save) })
        default:
            return try ConfigConversion.config(value, name: name)
        }
    }

    private static func restore(_ value: ConfigValue, run: RunObject) throws -> LuaValue {
        switch value {
        case .map(let entries):
            if entries.count == 1, entries[0].key == tensorKey, case .string(let file) = entries[0].value {
                return .tensor(try NumPyFile.load(run.folder.keptFile(file)))
            }
            return .table(LuaTable(fields: try entries.map { ($0.key, try restore($0.value, run: run)) }))
        case .list(let items):
            return .table(LuaTable(array: try items.map { try restore($0, run: run) }))
        default:
            return ConfigConversion.lua(value)
        }
    }
}
