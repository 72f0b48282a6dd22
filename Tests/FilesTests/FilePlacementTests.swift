import Files
import Foundation
import TestSupport
import Testing

@Suite struct FilePlacementTests {
    private func inode(_ path: String, following: Bool = true) -> UInt64 {
        var status = stat()
        guard (following ? stat(path, &status) : lstat(path, &status)) == 0 else { return 0 }
        return UInt64(status.st_ino)
    }

    @Test(arguments: FilePlacement.allCases)
    func aFileHasASecondPlace(how: FilePlacement) throws {
        let folder = try Scratch()
        let content = [UInt8]((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        let source = try folder.write("a.bin", content)
        let target = try folder.write("b.bin", "old")
        for _ in 0..<2 {
            if how == .symlink { unlink(target) }
            try how.place(source, at: target)
            #expect(try folder.data("b.bin") == Data(content))
            #expect((inode(source) == inode(target)) == (how != .copy))
            #expect((inode(source) == inode(target, following: false)) == (how == .hardlink))
        }
        #expect(folder.names == ["a.bin", "b.bin"])
        #expect(message { try how.place(folder.path + "/none", at: target) }.contains("/none: no such file"))
        #expect(message { try how.place(folder.path, at: target) }.contains("a folder, not a regular file"))
        #expect(
            message { try how.place(source, at: folder.path + "/no/c.bin") }.contains("/no/c.bin: cannot be written"))
        #expect(try folder.data("b.bin") == Data(content))
    }

    @Test func aLinkOfALinkLeadsToTheFile() throws {
        let folder = try Scratch()
        let source = try folder.write("a", "x")
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/l", withDestinationPath: "a")
        try FilePlacement.symlink.place(folder.path + "/l", at: folder.path + "/s")
        let path = try FileManager.default.destinationOfSymbolicLink(atPath: folder.path + "/s")
        #expect(inode(path, following: false) == inode(source))
        try FilePlacement.hardlink.place(folder.path + "/l", at: folder.path + "/h")
        #expect(inode(folder.path + "/h", following: false) == inode(source))
    }
}
