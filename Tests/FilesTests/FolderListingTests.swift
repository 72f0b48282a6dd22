import Files
import Foundation
import TestSupport
import Testing

@Suite struct FolderListingTests {
    private func list(_ folder: Scratch, limit: Int = 1000) throws -> [String] {
        try FolderListing.files(below: folder.path, limit: limit) { $0.hasSuffix(".png") }
    }

    private func link(_ folder: Scratch, _ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/\(name)", withDestinationPath: target)
    }

    @Test func filesAreSortedByTheBytesOfTheirPaths() throws {
        let folder = try Scratch()
        for name in [
            "b.png", "a/z.png", "a-b/x.png", "a.png", "B.png", "é.png", "a/b/c.png", ".hidden.png", ".cache/x.png",
            "x.txt",
        ] {
            try folder.write(name, "x")
        }
        #expect(try list(folder) == ["B.png", "a-b/x.png", "a.png", "a/b/c.png", "a/z.png", "b.png", "é.png"])
    }

    @Test func linksAreFollowedAndThoseThatLeadBackAreNamed() throws {
        let folder = try Scratch()
        let other = try Scratch()
        try folder.write("a/x.png", "x")
        try other.write("y.png", "y")
        try link(folder, "far", to: other.path)
        try link(folder, "z.png", to: "\(other.path)/y.png")
        try link(folder, "nowhere", to: "/nonexistent")
        #expect(try list(folder) == ["a/x.png", "far/y.png", "z.png"])
        try link(folder, "a/back", to: folder.path)
        #expect(message { _ = try list(folder) }.contains("a/back: cannot be read: it leads back to \(folder.path)"))
        unlink("\(folder.path)/a/back")
        try link(folder, "self", to: "self")
        #expect(message { _ = try list(folder) }.contains("/self: cannot be read: "))
        unlink("\(folder.path)/self")
        try link(folder, "gone.png", to: "/nonexistent")
        #expect(message { _ = try list(folder) }.contains("gone.png: cannot be read: a link that leads nowhere"))
    }

    @Test func whatIsNoFolderIsNamed() throws {
        let folder = try Scratch()
        let file = try folder.write("file", "x")
        #expect(message { _ = try FolderListing.files(below: file) { _ in true } }.contains("it is a file"))
        #expect(message { _ = try FolderListing.files(below: file + "s") { _ in true } }.contains("no such folder"))
        #expect(message { _ = try FolderListing.files(below: "") { _ in true } }.contains("no path of a folder"))
        mkfifo("\(folder.path)/pipe.png", 0o600)
        #expect(try list(folder) == [])
    }

    @Test(.enabled(if: geteuid() != 0, "root may read everything"))
    func aFolderThatMayNotBeReadIsNamed() throws {
        let folder = try Scratch()
        try folder.write("shut/x.png", "x")
        chmod("\(folder.path)/shut", 0)
        defer { chmod("\(folder.path)/shut", 0o700) }
        #expect(message { _ = try list(folder) }.contains("/shut: cannot be read: the folder cannot be opened"))
    }

    @Test func limits() throws {
        let folder = try Scratch()
        for number in 0..<11 { try folder.write("\(number).png", "x") }
        #expect(try list(folder, limit: 11).count == 11)
        #expect(message { _ = try list(folder, limit: 10) }.contains("more than the limit of 10 files"))
        let deep = try Scratch()
        try deep.write(String(repeating: "d/", count: 70) + "x.png", "x")
        #expect(message { _ = try list(deep) }.contains("nested more than 64 deep"))
        let bad = try Scratch()
        let name: [CChar] = Array("\(bad.path)/".utf8CString.dropLast()) + [CChar(bitPattern: 0xFF), 0x2E, 0x70, 0]
        let stream = try #require(fopen(name, "wb"))
        fclose(stream)
        #expect(message { _ = try list(bad) }.contains("a name in it is not valid UTF-8"))
    }
}
