import Checkpoints
import Files
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct ZipTests {
    private func refusal(_ zip: ZipBuilder, sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
        try refusal(zip.bytes(), sourceLocation: sourceLocation)
    }

    private func refusal(_ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
        let scratch = try Scratch()
        let path = try scratch.write("w.npz", bytes)
        return message({ _ = try NumPyFile.loadArchive(path) }, sourceLocation: sourceLocation)
    }

    private func load(_ zip: ZipBuilder) throws -> [(name: String, tensor: Tensor)] {
        let scratch = try Scratch()
        return try NumPyFile.loadArchive(try scratch.write("w.npz", zip.bytes()))
    }

    /// A `.npy` file of float32.
    private func array(_ values: [Float]) -> [UInt8] {
        var header = Array("{'descr': '<f4', 'fortran_order': False, 'shape': (\(values.count),), }".utf8)
        while (10 + header.count + 1) % 64 != 0 { header.append(0x20) }
        header.append(0x0A)
        return [0x93] + Array("NUMPY".utf8) + [1, 0] + littleEndian(UInt16(header.count)) + header
            + values.flatMap { littleEndian($0.bitPattern) }
    }

    private func sound() -> ZipBuilder { ZipBuilder([("a.npy", array([1, 2])), ("folder/b.npy", array([3]))]) }

    @Test func soundFilesAreRead() throws {
        var zip = sound()
        zip.comment = Array("a comment PK\u{5}\u{6} with a false end".utf8)
        let arrays = try load(zip)
        #expect(arrays.map { $0.name } == ["a", "folder/b"])
        #expect(try arrays[0].tensor.array(Float.self) == [1, 2])
        zip.entries[0].method = 8
        zip.entries[0].content = ZipBuilder.deflated(array([1, 2]))
        zip.entries[0].claimedSize = UInt32(array([1, 2]).count)
        zip.entries[0].crc = crc(array([1, 2]))
        #expect(try load(zip)[0].tensor.array(Float.self) == [1, 2])
    }

    private func crc(_ bytes: [UInt8]) -> UInt32 {
        var crc: UInt32 = ~0
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
        return ~crc
    }

    @Test func namesStayInside() throws {
        for name in ["../a.npy", "/a.npy", "x/../../a.npy", "x\\a.npy", "a\0.npy"] {
            #expect(try refusal(ZipBuilder([(name, array([1]))])).contains("leads out of the archive"), "\(name)")
        }
        let long = String(repeating: "n", count: 300) + ".npy"
        #expect(try refusal(ZipBuilder([(long, array([1]))])).contains("a zip entry's name of 304 bytes"))
        #expect(try refusal(ZipBuilder([("", array([1]))])).contains("name of 0 bytes"))
        #expect(try refusal(ZipBuilder([("a.npy", array([1])), ("a.npy", array([2]))])).contains("two zip entries"))
    }

    @Test func headersMustAgree() throws {
        var zip = sound()
        zip.entries[0].localName = "c.npy"
        #expect(try refusal(zip).contains("disagree"))
        zip = sound()
        zip.entries[1].claimedOffset = 0
        #expect(try refusal(zip).contains("disagree"))
        zip = ZipBuilder([("a.npy", array([1])), ("b.npy", array([1]))])
        zip.entries[1].claimedOffset = 7
        #expect(try refusal(zip).contains("no zip entry at byte 7"))
        zip.entries[1].claimedOffset = UInt32.max - 1
        #expect(try refusal(zip).contains("no zip entry at byte"))
        zip = sound()
        zip.claimedCount = 1
        #expect(try refusal(zip).contains("holds more entries than it says"))
        zip.claimedCount = 3
        #expect(try refusal(zip).contains("the zip directory is damaged"))
        zip = sound()
        zip.entries[0].flags = 1
        #expect(try refusal(zip).contains("encrypted"))
        zip = sound()
        zip.entries[0].method = 12
        #expect(try refusal(zip).contains("method 12 is not supported"))
        zip = sound()
        zip.entries[0].claimedSize = 5
        #expect(try refusal(zip).contains("a stored zip entry with two sizes"))
        zip.entries[0].claimedPacked = 100_000
        zip.entries[0].claimedSize = 100_000
        #expect(try refusal(zip).contains("end after the data"))
        zip = sound()
        zip.entries[0].crc = 1
        #expect(try refusal(zip).contains("CRC-32 is wrong"))
    }

    @Test func entriesMustNotOverlap() throws {
        // The first entry's data holds a second entry, to which the directory leads as well.
        let inner = ZipBuilder([("b.npy", array([1]))]).bytes()
        var zip = ZipBuilder([("a.npy", inner), ("b.npy", array([1]))])
        zip.entries[1].claimedOffset = UInt32(30 + 5)
        #expect(try refusal(zip).contains("b.npy: it overlaps another zip entry"))
    }

    @Test func zip64LiesAreFound() throws {
        for value in [UInt64.max, 1 << 40, 0] {
            var zip = sound()
            zip.entries[0].claimedSize = UInt32.max
            zip.entries[0].claimedPacked = UInt32.max
            zip.entries[0].directoryExtra =
                littleEndian(UInt16(1)) + littleEndian(UInt16(16)) + littleEndian(value) + littleEndian(value)
            let text = try refusal(zip)
            #expect(text.contains("too large") || text.contains("end after") || text.contains("disagree"), "\(text)")
            zip.entries[0].directoryExtra = littleEndian(UInt16(1)) + littleEndian(UInt16(8)) + littleEndian(value)
            #expect(try refusal(zip).contains("a damaged zip64 field") || value == UInt64.max)
        }
    }

    @Test func bombsAndCutsAreFound() throws {
        var zip = sound()
        let content = array([Float](repeating: 0, count: 5_000_000))
        zip.entries[0].content = ZipBuilder.deflated(content)
        zip.entries[0].method = 8
        zip.entries[0].claimedSize = UInt32(content.count)
        zip.entries[0].crc = crc(content)
        #expect(try refusal(zip).contains("over 1,000 times"))
        zip.entries[0].claimedSize = 1000
        #expect(try refusal(zip).contains("holds more than its 1000 bytes"))
        zip.entries[0].content = ZipBuilder.deflated(array([1, 2]))
        #expect(try refusal(zip).contains("instead of 1000"))
        zip.entries[0].content.removeLast(4)
        #expect(try refusal(zip).contains("damaged or cut"))
        let whole = sound().bytes()
        for length in 0..<whole.count { _ = try refusal(Array(whole.prefix(length))) }
        #expect(try refusal(whole + [0]).contains("the end of the zip directory is missing"))
        #expect(try refusal([0x50, 0x4B, 3, 4, 0] + whole).contains("does not end at byte"))
        #expect(try refusal(ZipBuilder([("a.txt", [1])])).contains("neither") == false)
    }

    @Test func tooManyEntriesAreRefused() throws {
        var bytes = ZipBuilder([("a.npy", array([1]))]).bytes()
        let ending = bytes.suffix(22)
        bytes.removeLast(22)
        let record = bytes.count
        let (size, start) = (Array(ending.dropFirst(12).prefix(4)), Array(ending.dropFirst(16).prefix(4)))
        let count = littleEndian(UInt64(100_001))
        bytes +=
            littleEndian(UInt32(0x0606_4B50)) + littleEndian(UInt64(44)) + [45, 0, 45, 0] + littleEndian(UInt64(0))
        bytes += count + count + size + [0, 0, 0, 0] + start + [0, 0, 0, 0]
        bytes += littleEndian(UInt32(0x0706_4B50)) + littleEndian(UInt32(0)) + littleEndian(UInt64(record))
        bytes +=
            littleEndian(UInt32(1)) + Array(ending.prefix(8)) + [0xFF, 0xFF, 0xFF, 0xFF] + Array(ending.suffix(10))
        #expect(try refusal(bytes).contains("100001 zip entries are more than 100000"))
    }

    @Test func compressedCheckpointsAreRefused() throws {
        let scratch = try Scratch()
        let pickle = PickleBuilder.dictionary(
            PickleBuilder.tensor(PickleBuilder.storage("0", count: 1), shape: [1], strides: [1]))
        for index in 0..<2 {
            var zip = PickleBuilder.archive(pickle, storages: [("0", [0, 0, 0, 0])])
            let content = zip.entries[index].content
            zip.entries[index].content = ZipBuilder.deflated(content)
            zip.entries[index].claimedSize = UInt32(content.count)
            zip.entries[index].method = 8
            let path = try scratch.write("w.pth", zip.bytes())
            #expect(message { _ = try Checkpoint.open(path) }.contains("compressed; PyTorch stores it as it is"))
        }
        let other = try scratch.write("x.zip", ZipBuilder([("readme.txt", [1])]).bytes())
        #expect(message { _ = try Checkpoint.open(other) }.contains("neither a PyTorch checkpoint nor NumPy arrays"))
        let script = ZipBuilder([("m/data.pkl", pickle), ("m/constants.pkl", [0x80, 2, 0x29, 0x2E])])
        let program = try scratch.write("y.pt", script.bytes())
        #expect(message { _ = try Checkpoint.open(program) }.contains("a TorchScript program"))
    }
}
