import Files
import Tensors

/// Files of `torch.save` before PyTorch 1.6 (and of `_use_new_zipfile_serialization=False`): pickles one after the
/// other (magic number, protocol, system, object, storage keys), then each storage as a count and its elements.
/// Format: `_legacy_save` of torch/serialization.py.
enum TorchLegacy {
    static func read(_ file: MappedFile) throws -> CheckpointContent {
        var machine = Unpickler(path: file.path, bytes: file.bytes)
        _ = try machine.load()
        guard case .integer(1001) = try machine.load() else {
            throw machine.malformed("an unknown version of PyTorch's legacy format, wanted 1001")
        }
        let system = try machine.load()
        let isBigEndian = try machine.member("little_endian", of: system).map { value -> Bool in
            guard case .boolean(let isLittle) = value else { throw machine.malformed("little_endian is no boolean") }
            return !isLittle
        }
        let root = try machine.load()
        let keyList = try machine.load()
        guard case .reference(let index) = keyList, case .list(let keys) = machine.nodes[index] else {
            throw machine.malformed("the storage keys are no list")
        }
        let regions = try storages(machine, keys, file)
        let collected = try StateDictionary(machine, root: root)
        var content = CheckpointContent(metadata: collected.scalars)
        for (name, tensor) in collected.tensors {
            guard let region = regions[tensor.storage.key] else {
                throw FileError.malformed(
                    path: file.path, location: "tensor \"\(name)\"",
                    reason: "its storage \"\(tensor.storage.key)\" is missing")
            }
            let record = try tensor.record(region, isBigEndian ?? false, name: name, path: file.path)
            content.tensors.append((name, record))
        }
        return content
    }

    /// Finds each storage behind the pickles, in the order of the keys, up to the end of the file.
    private static func storages(
        _ machine: Unpickler, _ keys: [PickleValue], _ file: MappedFile
    ) throws -> [String: ByteRegion] {
        func malformed(_ reason: String, _ key: String) -> FileError {
            FileError.malformed(path: file.path, location: "storage \"\(key)\"", reason: reason)
        }
        var regions: [String: ByteRegion] = [:]
        var position = machine.position
        for value in keys {
            guard case .text(let key) = value, let storage = machine.storages[key], regions[key] == nil else {
                throw machine.malformed("the list of storage keys does not fit the storages")
            }
            guard file.bytes.count - position >= 8 else { throw malformed("the file was cut before it", key) }
            let count = Int64(littleEndian: file.bytes.loadUnaligned(fromByteOffset: position, as: Int64.self))
            guard count == storage.count else {
                throw malformed("\(count) elements where its pickle says \(storage.count)", key)
            }
            position += 8
            let size = storage.count * (storage.type?.size ?? 1)
            guard size <= file.bytes.count - position else {
                throw malformed("its \(size) bytes end after the file: the file was cut", key)
            }
            let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[position..<position + size])
            regions[key] = ByteRegion(bytes: bytes, owner: file)
            position += size
        }
        guard position == file.bytes.count else {
            throw FileError.malformed(
                path: file.path, location: "byte \(position)",
                reason: "\(file.bytes.count - position) bytes follow the last storage")
        }
        return regions
    }
}

extension Unpickler {
    /// The value of a text key of a dictionary, or nil.
    func member(_ key: String, of value: PickleValue) throws -> PickleValue? {
        guard case .reference(let index) = value, case .dictionary(let members) = nodes[index] else { return nil }
        return members.last { member in
            if case .text(let name) = member.key { return name == key }
            return false
        }?.value
    }
}
