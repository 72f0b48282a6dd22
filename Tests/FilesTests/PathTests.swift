import Files
import Foundation
import TestSupport
import Testing

/// Paths of every shape are taken apart without ending the process.
@Suite struct PathTests {
    @Test(arguments: [
        ("x", "", ".", "x", ""), ("/x", "/", "/", "x", ""), ("x/y", "x", "x", "y", ""),
        ("a//b.PNG", "a", "a", "b.PNG", "png"),
        ("", "", ".", "", ""), ("/", "/", "/", "", ""), ("//", "//", "//", "", ""), ("a/", "a", "a", "", ""),
        ("é", "", ".", "é", ""), (".hidden", "", ".", ".hidden", ""), ("a.b/c", "a.b", "a.b", "c", ""),
        ("x.", "", ".", "x.", ""), ("t.csv.gz", "", ".", "t.csv.gz", "gz"), ("///x", "///", "///", "x", ""),
    ])
    func parts(_ path: String, _ dirname: String, _ folder: String, _ name: String, _ ending: String) {
        #expect(Paths.dirname(path) == dirname)
        #expect(Paths.folder(path) == folder)
        #expect(Paths.name(path) == name)
        #expect(Paths.ending(path) == ending)
        #expect(Paths.absolute(path).hasPrefix("/"))
    }

    @Test func joiningAndContaining() {
        #expect(Paths.joined("", "a") == "a" && Paths.joined("/", "a") == "/a" && Paths.joined("b", "a") == "b/a")
        #expect(Paths.isBelow("/a/b", "/a") && Paths.isBelow("/a", "/a") && Paths.isBelow("/a", "/"))
        #expect(!Paths.isBelow("/ab", "/a") && !Paths.isBelow("/", "/a"))
        #expect(Paths.absolute("a/../b/./c", from: "/x") == "/x/b/c")
    }

    @Test func foldersAreMade() throws {
        let scratch = try Scratch()
        try Folders.make(scratch.path + "/a/b//c/")
        try Folders.make(scratch.path + "/a/b/c")
        #expect(Folders.isFolder(scratch.path + "/a/b/c") && !Folders.isFolder(scratch.path + "/none"))
        #expect(Folders.existing(scratch.path + "/a/x/y").place == scratch.path + "/a")
        #expect(Folders.existing(scratch.path + "/a/x/y").names == ["x", "y"])
        try scratch.write("file", "")
        #expect(message { try Folders.make(scratch.path + "/file") }.contains("not a folder"))
        #expect(message { try Folders.make(scratch.path + "/file/x") }.contains("cannot be made"))
        #expect(message { try Folders.make("") }.contains("no path"))
        #expect(message { try Folders.make("a\0b") }.contains("no path"))
    }

    /// Foundation's functions on paths: one of them ends the process for a path of one letter.
    @Test func theSourcesUseNoOther() throws {
        let forbidden = [
            "NSString)", "URL(fileURLWithPath", "URL(filePath", "deletingLastPathComponent", "lastPathComponent",
            "pathExtension", "appendingPathComponent", "appendingPathExtension", "standardizedFileURL",
            "standardizingPath", "resolvingSymlinks", "expandingTildeInPath",
        ]
        let sources = Places.package + "/Sources"
        var count = 0
        for name in FileManager.default.enumerator(atPath: sources)?.allObjects.compactMap({ $0 as? String }) ?? []
        where name.hasSuffix(".swift") {
            count += 1
            let text = try String(contentsOfFile: "\(sources)/\(name)", encoding: .utf8)
            for line in text.split(separator: "\n") where !line.contains("///") {
                for word in forbidden where line.contains(word) { Issue.record("\(name): \(line)") }
            }
        }
        #expect(count > 300)
    }
}
