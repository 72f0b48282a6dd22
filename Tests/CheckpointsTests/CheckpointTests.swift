import Checkpoints
import Files
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct CheckpointTests {
    private func checkpoint(_ shapes: [(String, [Int])]) throws -> Checkpoint {
        let scratch = try Scratch()
        let path = "\(scratch.path)/w.safetensors"
        try SafeTensors.write(path, try shapes.map { ($0.0, try Tensor.zeros($0.1)) })
        return try Checkpoint.open(path)
    }

    @Test func loadingIsStrict() throws {
        let weights = try checkpoint([("a", [2, 3]), ("b", [4]), ("c", [1])])
        let tensors = try weights.load(into: [("c", [1]), ("a", [2, 3]), ("b", [4])])
        #expect(tensors.map { $0.shape } == [[1], [2, 3], [4]])
        #expect(try weights.load(into: [("a", [2, 3])], ignoring: { $0 != "a" }).count == 1)
        func report(_ expected: [(name: String, shape: [Int])]) throws -> MismatchReport? {
            do {
                try weights.load(into: expected)
                return nil
            } catch CheckpointError.mismatch(let report) { return report }
        }
        let differences = try #require(try report([("a", [3, 2]), ("b", [4]), ("d", [5])]))
        #expect(differences.matched == 1 && differences.expected == 3)
        #expect(differences.missing == ["d"] && differences.unused == ["c"])
        #expect(differences.wrongShapes.first?.found == [2, 3])
        #expect(differences.description.contains("matched 1 of 3 parameters"))
        #expect(differences.description.contains("a (wanted [3, 2], found [2, 3])"))
        #expect(try report([("a", [2, 3]), ("a", [2, 3]), ("b", [4]), ("c", [1])])?.missing == ["a"])
        let many = try checkpoint((0..<25).map { ("x\($0)", [1]) })
        let text = message { try many.load(into: [("y", [1])]) }
        #expect(text.contains("matched 0 of 1") && text.contains("25 unused: ") && text.contains("and 15 more"))
        #expect(message { try many.load(into: [], ignoring: { _ in true }) }.contains("matched 0 of 0"))
    }

    @Test func namesCanBeChanged() throws {
        let weights = try checkpoint([("model.a", [2]), ("model.b", [3]), ("c", [1])])
        let renamed = try weights.renamed { $0 == "c" ? nil : String($0.dropFirst(6)) }
        #expect(renamed.names.sorted() == ["a", "b"])
        #expect(message { _ = try weights.renamed { _ in "x" } }.contains("tensor \"x\": it is there twice"))
        #expect(message { _ = try weights["modl.a"] }.contains("did you mean \"model.a\"?"))
        #expect(try weights.strippingPrefixes(toFit: ["a", "model.b"]).names.sorted() == ["a", "c", "model.b"])
    }

    /// Errors about tensors with other names say what the file calls them.
    @Test func namesOfTheFileAreTold() throws {
        let weights = try checkpoint([("old.qkv", [6, 2]), ("old.norm", [3]), ("extra", [1])])
        let renamed = try weights.renamed { $0.replacingOccurrences(of: "old.", with: "new.") }
        let split = try renamed.split { $0 == "new.qkv" ? ["q", "k", "v"] : nil }
        #expect("\(split.fault("k", "why"))".contains("w.safetensors: tensor \"old.qkv\": why"))
        #expect("\(split.fault("extra", "why"))".contains("tensor \"extra\": why"))
        #expect(
            message { _ = try renamed.split { $0 == "new.norm" ? ["a", "b"] : nil } }.contains(
                "tensor \"old.norm\": wanted 2 equal parts"))
        let text = message { try split.load(into: [("q", [2, 3]), ("k", [2, 2]), ("v", [2, 2])]) }
        #expect(text.contains("q (\"old.qkv\" in the file) (wanted [2, 3], found [2, 2])"), "\(text)")
        #expect(text.contains("2 unused: extra, new.norm (\"old.norm\" in the file)"), "\(text)")
    }

    @Test func foreignFilesAreNamed() throws {
        let scratch = try Scratch()
        let cases: [([UInt8], String)] = [
            (Array("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n".utf8), "Git LFS pointer"),
            (Array("<!DOCTYPE html><html><body>Sign in</body></html>".utf8), "a web page"),
            (Array("\n  <html lang=en>".utf8), "a web page"),
            ([0x1F, 0x8B, 8, 0, 0, 0, 0, 0], "gzip"),
            (Array("{\"model_type\": \"dinov2\"}".utf8), "a text file"),
            (
                [UInt8](repeating: 0, count: 257) + Array("ustar".utf8) + [UInt8](repeating: 0, count: 250),
                "a tar archive"
            ),
            ([0x80, 2, 0x7D, 0x2E], "a bare pickle"),
            (Array("GGUF".utf8) + [3, 0, 0, 0], "GGUF"),
        ]
        for (content, text) in cases {
            let path = try scratch.write("weights.pth", content)
            #expect(message { _ = try Checkpoint.open(path) }.contains(text), "\(text)")
        }
    }

    @Test func onlyRegularFilesAreOpened() throws {
        let scratch = try Scratch()
        #expect(message { _ = try Checkpoint.open(scratch.path + "/none.pth") }.contains("no such file"))
        #expect(mkfifo(scratch.path + "/pipe", 0o600) == 0)
        #expect(message { _ = try Checkpoint.open(scratch.path + "/pipe") }.contains("it is a pipe"))
        #expect(message { _ = try Checkpoint.open("/dev/null") }.contains("it is a device"))
        #expect(symlink("loop", scratch.path + "/loop") == 0)
        #expect(message { _ = try Checkpoint.open(scratch.path + "/loop") }.contains("symbolic links"))
        #expect(message { _ = try Checkpoint.open("") }.contains("no file is named"))
    }

    @Test func foldersGiveTheirWeights() throws {
        let scratch = try Scratch()
        #expect(message { _ = try Checkpoint.open(scratch.path) }.contains("it is empty"))
        let one = try Tensor.zeros([1])
        try SafeTensors.write(scratch.path + "/model.fp16.safetensors", [("half", one)])
        try SafeTensors.write(scratch.path + "/pytorch_model.bin", [("bin", one)])
        #expect(try Checkpoint.open(scratch.path).names == ["bin"])
        #expect(try Checkpoint.open(scratch.path, variant: "fp16").names == ["half"])
        #expect(message { _ = try Checkpoint.open(scratch.path, variant: "bf16") }.contains("model.bf16.safetensors"))
        try SafeTensors.write(scratch.path + "/model.safetensors", [("whole", one)])
        #expect(try Checkpoint.open(scratch.path).names == ["whole"])
        let other = try Scratch()
        try SafeTensors.write(other.path + "/a.safetensors", [("a", one)])
        #expect(try Checkpoint.open(other.path).names == ["a"])
        try SafeTensors.write(other.path + "/b.safetensors", [("b", one)])
        #expect(message { _ = try Checkpoint.open(other.path) }.contains("2 files may be meant"))
    }

    @Test func changesAreNoticed() throws {
        let scratch = try Scratch()
        let path = "\(scratch.path)/w.safetensors"
        try SafeTensors.write(path, [("x", try Tensor([Float](repeating: 1, count: 100), shape: [100]))])
        let before = try Checkpoint.open(path).sha256()[0].sha256
        let opened = try Checkpoint.open(path)
        let handle = try #require(FileHandle(forUpdatingAtPath: path))
        // The times of files are only as fine as the kernel's clock tick.
        usleep(20_000)
        try handle.seek(toOffset: 200)
        try handle.write(contentsOf: Data([1]))
        try handle.synchronize()
        #expect(message { _ = try opened["x"] }.contains("it changed while it was in use"))
        #expect(try Checkpoint.open(path).sha256()[0].sha256 != before)
        // A file that took the place of the opened one is another file: the tensors and the hash stay the old ones.
        let kept = try Checkpoint.open(path)
        let hash = try kept.sha256()[0].sha256
        try SafeTensors.write(path, [("x", try Tensor.zeros([3]))])
        #expect(try kept.sha256()[0].sha256 == hash)
        #expect(try kept["x"].shape == [100])
    }

    @Test func aFileThatIsCutWhileMappedStopsTheWorkAndNotTheProcess() async {
        await #expect(processExitsWith: .success) {
            let scratch = try Scratch()
            let path = "\(scratch.path)/w.safetensors"
            try SafeTensors.write(path, [("x", try Tensor([Float](repeating: 1, count: 100_000), shape: [100_000]))])
            let checkpoint = try Checkpoint.open(path)
            let tensor = try checkpoint["x"]
            guard truncate(path, 4096) == 0 else { exit(2) }
            let values = try tensor.array(Float.self)
            guard values[0] == 1, values[99_999] == 0, Cancellation.isRequested else { exit(3) }
            do { try checkpoint.checkUnchanged() } catch is FileError { exit(0) }
            exit(4)
        }
    }
}
