import Files
import Foundation
import LuaRuntime
import Runs
import Tensors

/// `run:once`: values that survive a crash. Plain values go to the journal, the bytes of tensors to
/// files of the run folder.
enum OnceValues {
    /// The key under which a kept value names a tensor's bytes.
    private static let tensorKey = "$tensor"

    static func value(_ run: RunObject, key: String, compute: LuaFunction) throws -> [LuaValue] {
        if let stored = run.folder.stored(key, cell: run.cell) {
            return [try restore(stored.value, stored.blobs)]
        }
        let value = try compute.call([]).first ?? .nil
        var blobs: [(name: String, bytes: Data)] = []
        let plain = try keep(value, name: key, &blobs)
        try run.folder.store(StoredValue(plain, blobs: blobs), key: key, cell: run.cell)
        return [value]
    }

    private static func keep(
        _ value: LuaValue, name: String, _ blobs: inout [(name: String, bytes: Data)]
    ) throws -> JSON {
        switch value {
        case .object(let object as TensorObject):
            let tensor = try object.tensor.contiguous()
            let blob = "tensor \(blobs.count + 1)"
            blobs.append((blob, Data(bytes: tensor.pointer, count: tensor.count * tensor.dtype.size)))
            return .object([
                (tensorKey, .string(blob)), ("dtype", .string(tensor.dtype.rawValue)),
                ("shape", .array(tensor.shape.map { .integer($0) })),
            ])
        case .table(let table) where table.array.isEmpty:
            var entries: [(key: String, value: JSON)] = []
            for field in table.fields {
                entries.append((field.name, try keep(field.value, name: "\(name).\(field.name)", &blobs)))
            }
            return .object(entries)
        case .table(let table) where table.fields.isEmpty:
            var items: [JSON] = []
            for item in table.array { items.append(try keep(item, name: name, &blobs)) }
            return .array(items)
        default:
            return try ConfigConversion.config(value, name: name)
        }
    }

    private static func restore(_ value: JSON, _ blobs: [(name: String, bytes: Data)]) throws -> LuaValue {
        switch value {
        case .object(let entries):
            if entries.first?.key == tensorKey { return .tensor(try tensor(entries, blobs)) }
            return .table(LuaTable(fields: try entries.map { ($0.key, try restore($0.value, blobs)) }))
        case .array(let items):
            return .table(LuaTable(array: try items.map { try restore($0, blobs) }))
        default:
            return ConfigConversion.lua(value)
        }
    }

    private static func tensor(
        _ entries: [(key: String, value: JSON)], _ blobs: [(name: String, bytes: Data)]
    ) throws -> Tensor {
        guard entries.count == 3, case .string(let name) = entries[0].value, case .string(let word) = entries[1].value,
            case .array(let sizes) = entries[2].value, let dtype = DType(rawValue: word),
            let blob = blobs.first(where: { $0.name == name })
        else { throw LuaError("run:once: a kept tensor is damaged") }
        let shape = sizes.compactMap { size -> Int? in if case .integer(let number) = size { number } else { nil } }
        let tensor = try Tensor(uninitialized: shape, dtype)
        guard blob.bytes.count == tensor.storage.byteCount else {
            throw LuaError("run:once: a kept tensor is damaged")
        }
        blob.bytes.withUnsafeBytes { bytes in
            if let base = bytes.baseAddress { tensor.pointer.copyMemory(from: base, byteCount: bytes.count) }
        }
        return tensor
    }
}
