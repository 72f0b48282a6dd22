import Datasets
import Files
import Foundation
import TestSupport
import Testing

@Suite struct FolderTableTests {
    private func films(_ names: [String] = ["b.png", "p2/a.JPG", "p1/small_effusion.jpeg", "notes.md"]) throws
        -> Scratch
    {
        let folder = try Scratch()
        for name in names { try folder.write(name, "x") }
        return folder
    }

    @Test func aRowIsAnImage() throws {
        let folder = try films()
        let found = try Dataset.folder(path: folder.path)
        let table = found.dataset
        #expect(table.columns == ["path"])
        #expect(try texts(table) == [["b.png"], ["p1/small_effusion.jpeg"], ["p2/a.JPG"]])
        #expect(try table.imagePaths()[1] == folder.path + "/p1/small_effusion.jpeg")
        #expect(!table.hasLabels && found.texts.isEmpty)
        #expect(message { _ = try table.prompt(0) }.contains("opened without a column for it"))
        // The list's hash tells lists apart, and nothing else.
        #expect(try Dataset.folder(path: folder.path).sha256 == found.sha256)
        try folder.write("b.png", "other bytes")
        #expect(try Dataset.folder(path: folder.path).sha256 == found.sha256)
        try folder.write("c.png", "x")
        #expect(try Dataset.folder(path: folder.path).sha256 != found.sha256)
    }

    @Test func patternsChoose() throws {
        let folder = try films()
        let table = try Dataset.folder(path: folder.path, pattern: Glob("p*/*")).dataset
        #expect(try texts(table) == [["p1/small_effusion.jpeg"], ["p2/a.JPG"]])
        let none = message { _ = try Dataset.folder(path: folder.path, pattern: Glob("*.md")) }
        #expect(none.contains("no image (png, jpg, jpeg) that fits the pattern \"*.md\" below this folder"))
        let empty = try Scratch()
        #expect(
            message { _ = try Dataset.folder(path: empty.path) }.contains("there is no image (png, jpg, jpeg) below"))
        #expect(
            message { _ = try Dataset.folder(path: folder.path, limit: 2) }.contains("more than the limit of 2 files"))
    }

    @Test func promptsFromNames() throws {
        let folder = try films()
        let table = try Dataset.folder(path: folder.path, prompts: .name, image: "file", prompt: "caption").dataset
        #expect(table.columns == ["file", "caption"])
        #expect(try table.column("caption") == ["b", "small effusion", "a"])
        #expect(try table.prompt(1) == "small effusion")
    }

    @Test func promptsFromTexts() throws {
        let folder = try films(["b.png", "p1/a.png"])
        try folder.write("b.txt", "\n Mild edema, \"left\".\nNo effusion. \n")
        let missing = message { _ = try Dataset.folder(path: folder.path, prompts: .txt) }
        #expect(missing.contains("1 of 2 images have no .txt file beside them: p1/a.png"))
        try folder.write("p1/a.txt", "NA")
        let found = try Dataset.folder(path: folder.path, prompts: .txt)
        // A text that spells a null is one all the same.
        #expect(try found.dataset.column("prompt") == ["Mild edema, \"left\".\nNo effusion.", "NA"])
        #expect(found.texts.map(\.path) == ["b.txt", "p1/a.txt"].map { "\(folder.path)/\($0)" })
        #expect(found.texts[1].sha256 == SHA256.hex(of: "NA"))
        try folder.write("p1/a.txt", " \n")
        #expect(
            message { _ = try Dataset.folder(path: folder.path, prompts: .txt) }.contains(
                "p1/a.txt: it holds no prompt"))
        try folder.write("p1/a.txt", [0x41, 0xFF])
        #expect(
            message { _ = try Dataset.folder(path: folder.path, prompts: .txt) }.contains(
                "p1/a.txt: byte 1: not valid UTF-8"))
        try folder.write("p1/a.txt", [UInt8](repeating: 0x41, count: 70_000))
        #expect(message { _ = try Dataset.folder(path: folder.path, prompts: .txt) }.contains("p1/a.txt"))
    }

    @Test func aFolderBecomesATable() throws {
        let folder = try films(["a,b.png", "p1/\"q\".png"])
        let table = try Dataset.folder(path: folder.path, prompts: .name).dataset
        try table.write(folder.path + "/films.csv")
        let again = try Dataset.csv(path: folder.path + "/films.csv", image: "path", prompt: "prompt")
        #expect(try texts(again) == texts(table))
        #expect(try again.imagePaths() == table.imagePaths())
    }
}
