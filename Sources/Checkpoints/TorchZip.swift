import Files
import Tensors

/// Files of `torch.save` since PyTorch 1.6: a stored zip with a pickle and one entry a storage.
/// Format: caffe2/serialize/inline_container.h and torch/serialization.py.
enum TorchZip {
    /// The largest pickle beside the tensor data, in bytes.
    static let maximumPickle = 128 << 20

    static func read(_ archive: ZipArchive) throws -> CheckpointContent {
        func malformed(_ reason: String, at location: String = "") -> FileError {
            FileError.malformed(path: archive.path, location: location, reason: reason)
        }
        let pickles = archive.entries.filter {
            $0.name.hasSuffix("/data.pkl") && $0.name.utf8.filter { $0 == UInt8(ascii: "/") }.count == 1
        }
        guard let pickle = pickles.first, pickles.count == 1 else {
            throw malformed("a zip file that holds neither a PyTorch checkpoint nor NumPy arrays")
        }
        let folder = pickle.name.dropLast("data.pkl".count)
        guard archive["\(folder)constants.pkl"] == nil else {
            throw malformed("a TorchScript program, not weights; save its state_dict")
        }
        guard !pickle.isDeflated else { throw malformed("compressed; PyTorch stores it as it is", at: pickle.name) }
        guard pickle.size <= maximumPickle else {
            throw malformed("\(pickle.size) bytes are more than \(maximumPickle)", at: pickle.name)
        }
        var isBigEndian = false
        if let order = archive["\(folder)byteorder"] {
            guard !order.isDeflated else { throw malformed("compressed", at: order.name) }
            let text = try FileReader.text(archive.content(order).bytes, name: "\(archive.path): \(order.name)")
            guard text == "little" || text == "big" else { throw malformed("an unknown byte order", at: order.name) }
            isBigEndian = text == "big"
        }
        var machine = Unpickler(path: archive.path, bytes: try archive.content(pickle).bytes)
        let root = try machine.load()
        let collected = try StateDictionary(machine, root: root)
        var content = CheckpointContent(metadata: collected.scalars)
        var checks: [String: StorageCheck] = [:]
        for (name, tensor) in collected.tensors {
            let entryName = "\(folder)data/\(tensor.storage.key)"
            guard let entry = archive[entryName] else {
                throw malformed("its storage \(entryName) is missing", at: "tensor \"\(name)\"")
            }
            guard !entry.isDeflated else { throw malformed("compressed; PyTorch stores it as it is", at: entryName) }
            let wanted = tensor.storage.count * (tensor.storage.type?.size ?? 1)
            guard entry.size == wanted else {
                throw malformed("a storage of \(entry.size) bytes, wanted \(wanted)", at: entryName)
            }
            let region = ByteRegion(bytes: entry.bytes, owner: archive.file)
            var record = try tensor.record(region, isBigEndian, name: name, path: archive.path)
            record.check = checks[entryName] ?? StorageCheck(archive, entry)
            checks[entryName] = record.check
            content.tensors.append((name, record))
        }
        return content
    }
}

extension PickledTensor {
    /// The tensor over the real bytes of its storage.
    func record(_ region: ByteRegion, _ isBigEndian: Bool, name: String, path: String) throws -> TensorRecord {
        do {
            let start = storage.viewOffset * (storage.type?.size ?? 1)
            let view = UnsafeRawBufferPointer(rebasing: region.bytes[start...])
            return try TensorRecord(
                type: type, shape: shape, strides: strides, offset: offset,
                region: ByteRegion(bytes: view, owner: region.owner), isBigEndian: isBigEndian)
        } catch let fault as RecordFault {
            throw FileError.malformed(path: path, location: "tensor \"\(name)\"", reason: fault.reason)
        }
    }
}
