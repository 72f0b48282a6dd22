import Files
import Foundation
import TestSupport
import Testing

@Suite struct AtomicFileTests {
    @Test func aFileIsReplacedWhole() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/result.csv"
        try AtomicFile.write(path, "first")
        #expect(chmod(path, 0o640) == 0)
        try AtomicFile.write(path, Data("second".utf8))
        #expect(try FileReader.text(path, limit: 100) == "second")
        #expect(scratch.names == ["result.csv"])
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o640)
    }

    @Test func aFailureKeepsTheOldFileAndLeavesNothing() throws {
        struct Failure: Error {}
        let scratch = try Scratch()
        let path = scratch.path + "/result.csv"
        try AtomicFile.write(path, "old")
        #expect(throws: Failure.self) {
            try AtomicFile.write(path) { writer in
                try writer.write([UInt8](repeating: 1, count: 1 << 20))
                throw Failure()
            }
        }
        #expect(try FileReader.text(path, limit: 100) == "old")
        #expect(scratch.names == ["result.csv"])
    }

    @Test func largeContentIsWrittenInPieces() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/x"
        var wanted = Data()
        try AtomicFile.write(path) { writer in
            for length in [0, 1, 65_535, 65_536, 65_537, 10, 200_000, 3] {
                let piece = Data((0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ length) })
                wanted.append(piece)
                try writer.write(piece)
                #expect(writer.count == wanted.count)
            }
        }
        #expect(try FileReader.data(path, limit: 1 << 20) == wanted)
    }

    @Test func linksAreRefused() throws {
        let scratch = try Scratch()
        try AtomicFile.write(scratch.path + "/real", "old")
        for (target, link) in [("real", "link"), ("nowhere", "dangling"), (".", "folder"), ("loop", "loop")] {
            #expect(symlink(target, "\(scratch.path)/\(link)") == 0)
            #expect(message { try AtomicFile.write("\(scratch.path)/\(link)", "new") }.contains("a symbolic link"))
        }
        #expect(try scratch.text("real") == "old")
        #expect(scratch.names == ["dangling", "folder", "link", "loop", "real"])
    }

    @Test func impossibleTargetsAreNamed() throws {
        let scratch = try Scratch()
        let missing = scratch.path + "/none/x"
        #expect(message { try AtomicFile.write(missing, "x") }.hasPrefix("\(missing): cannot be written: the folder"))
        #expect(message { try AtomicFile.write(scratch.path, "x") }.contains("it is a folder, not a regular file"))
        #expect(message { try AtomicFile.write("/dev/null", "x") }.contains("it is a device"))
        #expect(message { try AtomicFile.write("", "x") }.contains("no path"))
        #expect(message { try AtomicFile.write("/proc/x", "x") }.contains("cannot be written"))
        let long = scratch.path + "/" + String(repeating: "n", count: 300)
        #expect(message { try AtomicFile.write(long, "x") }.contains("File name too long"))
        #expect(scratch.names.isEmpty)
    }
}

@Suite struct FileReaderTests {
    @Test func limitsHold() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/x"
        for count in [0, 1, 4095, 4096, 4097, 100_000] {
            let data = Data((0..<count).map { UInt8(truncatingIfNeeded: $0) })
            try AtomicFile.write(path, data)
            #expect(try FileReader.data(path, limit: count) == data)
            #expect(try FileReader.data(path, limit: Int.max - 1) == data)
            if count > 0 {
                let text = message { _ = try FileReader.data(path, limit: count - 1) }
                #expect(text.contains("its \(count) bytes are more than the limit of \(count - 1)"))
            }
        }
        // Files of /proc state no size.
        #expect(try FileReader.data("/proc/self/status", limit: 100_000).count > 100)
        #expect(message { _ = try FileReader.data("/proc/self/status", limit: 10) }.contains("limit of 10"))
        #expect(message { _ = try FileReader.data(scratch.path, limit: 10) }.contains("a folder"))
        #expect(message { _ = try FileReader.data(path + "/x", limit: 10) }.contains("no such file"))
    }

    @Test func invalidTextIsFoundToTheByte() throws {
        let scratch = try Scratch()
        let bad: [([UInt8], Int)] = [
            ([0x80], 0), ([0x61, 0xC3], 1), ([0xC0, 0x80], 0), ([0xE0, 0x80, 0x80], 0), ([0xED, 0xA0, 0x80], 0),
            ([0xF4, 0x90, 0x80, 0x80], 0), ([0xF8], 0), (Array("žluť".utf8) + [0xFF], 6), ([0xE2, 0x82], 0),
            ([0xF0, 0x9F, 0x92], 0), (Array("0123456789abcdef".utf8) + [0xC3, 0x28], 16), ([0xE1, 0x80, 0x28], 0),
        ]
        for (bytes, position) in bad {
            try AtomicFile.write(scratch.path + "/x", Data(bytes))
            let text = message { _ = try FileReader.text(scratch.path + "/x", limit: 100) }
            #expect(text.contains("byte \(position): not valid UTF-8"), "\(text)")
        }
        try AtomicFile.write(scratch.path + "/x", Data([0xFF, 0xFE, 0x61, 0]))
        #expect(message { _ = try FileReader.text(scratch.path + "/x", limit: 100) }.contains("UTF-16"))
        let good = "plain, žluťoučký, 漢字, 💙, \u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}\0"
        try AtomicFile.write(scratch.path + "/x", good)
        #expect(try FileReader.text(scratch.path + "/x", limit: 100) == good)
    }

    @Test func mappedFilesKeepTheirContent() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/x"
        try AtomicFile.write(path, "abc")
        let file = try MappedFile(path)
        #expect(file.bytes.elementsEqual("abc".utf8) && file.identity.size == 3)
        #expect(try file.sha256() == SHA256.hex(of: "abc"))
        #expect(try FileIdentity(of: path) == file.identity)
        try AtomicFile.write(path, "another")
        #expect(file.bytes.elementsEqual("abc".utf8))
        #expect(try SHA256.hex(file: path) == SHA256.hex(of: "another"))
        try AtomicFile.write(path, "")
        #expect(try MappedFile(path).bytes.isEmpty)
        #expect(try MappedFile(path).sha256() == SHA256().hex())
    }
}

@Suite struct EditDistanceTests {
    @Test func distances() {
        #expect(EditDistance.between("", "abc") == 3)
        #expect(EditDistance.between("kitten", "sitting") == 3)
        #expect(EditDistance.between("guidance", "giudance") == 1)
        #expect(EditDistance.between("same", "same") == 0)
    }

    @Test func theNearestWordIsFound() {
        let keys = ["protocol", "batch", "on_bad_image", "real", "synthetic"]
        #expect(nearest("protocl", among: keys) == "protocol")
        #expect(nearest("Batch", among: keys) == "batch")
        #expect(nearest("on_bad_imgae", among: keys) == "on_bad_image")
        #expect(nearest("syntetic", among: keys) == "synthetic")
        #expect(nearest("encoders", among: keys) == nil)
        #expect(nearest("x", among: []) == nil)
    }
}
