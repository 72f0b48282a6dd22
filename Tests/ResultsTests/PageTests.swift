import Files
import Foundation
import Imaging
import Results
import TestSupport
import Testing

/// The page of a run as a text.
@Suite struct PageTests {
    private func page(_ path: String, isPrivate: Bool = false) throws -> String {
        var options = ReportPage.Options()
        options.isPrivate = isPrivate
        return try ReportPage.reading([path], options).text()
    }

    @Test func itHoldsWhatWasRun() throws {
        let scratch = try Scratch()
        let text = try page(RunFolders.write(in: scratch))
        for part in [
            "<h1>model-a", "9.500", "9.000 to 10.00", "floor", "Edema", "frechet-f64", "chexgen run", "run/run.yaml",
            "59dc6a0a8fc69457", "a note", "prefers-color-scheme", "@media print",
        ] { #expect(text.contains(part), "\(part)") }
        #expect(try page(RunFolders.write(in: scratch)) == text)
    }

    /// Nothing in a page leads out of it, and nothing that a run says is markup.
    @Test func hostileTextsStayTexts() throws {
        let scratch = try Scratch()
        let bad =
            "</style><script>alert(1)</script><img src=x onerror=alert(2)>\\\" onload=\\\"x 'y' <!-- ]]> \\u202e\\u0000"
        let path = try RunFolders.write(
            in: scratch, more: ", prompt: \"<script>alert(3)</script>\"",
            rows: [
                "{\"FRD\":1.5,\"Pathology\":\"\(bad)\",\"<b>\":2}",
                "{\"FRD\":2.5,\"Pathology\":\"x\",\"Note\":\"\(bad)\"}",
            ])
        try RunFolders.film(scratch, "run/artifacts/images/a.png", 90)
        try scratch.write(
            "run/artifacts/prompt_INFO.csv",
            "prompt,img_savename\n\"</figure><script src='//x.org/x.js'></script>\",a.png\n")
        try scratch.write("run/artifacts/skipped.csv", "side,path,reason\nreal,x,<iframe src=http://x.org>\n")
        let text = try page(path)
        #expect(text.components(separatedBy: "<script").count == 2)
        for part in ["<img src=x", "<iframe", "alert(1)</script>", "<b>\"", "\u{202E}", "\u{0}", "<!--"] {
            #expect(!text.contains(part), "\(part)")
        }
        #expect(text.contains("&lt;script src=&#39;//x.org/x.js&#39;&gt;"))
        // Every address in an attribute is a place on the page or a picture in it.
        let attributes = text.matches(of: #/\s(src|href|srcset|action|data|poster|style|on\w+)="([^"]*)"/#)
        #expect(attributes.count > 5)
        for found in attributes {
            let (name, value) = (found.output.1, found.output.2)
            let isInside = name == "href" && value.hasPrefix("#")
            let isPicture = name == "src" && value.hasPrefix("data:image/jpeg;base64,")
            #expect(isInside || isPicture, "\(name) \(value.prefix(80))")
        }
        #expect(!text.contains("@import") && !text.contains("url("))
        #expect(text.contains("default-src &#39;none&#39;; img-src data:;"))
    }

    /// A private page holds no caption, path, patient or film, wherever a run may name one.
    @Test func aPrivatePageTellsNothing() throws {
        let scratch = try Scratch()
        let secrets = [
            "p10000032", "50414267", "secret", "somebody", "effusion of the left", "films.csv", "gallery-real",
            "cohortfolder",
        ]
        let path = try RunFolders.write(
            in: scratch,
            more:
                ", real: { csv: secret/p10000032.csv, prompt: effusion of the left lung }, subject: 50414267, image_dir: cohortfolder, weights: microsoft/secret",
            rows: [
                """
                {"FRD":1.5,"FRD low":1,"FRD high":2,"FRD identity":"\(RunFolders.identity)","Pathology":"Edema",\
                "image":"secret.png","prompt":"effusion of the left base","subject_id":50414267,"Patient":"p10000032",\
                "path":"/data/secret","Note":"left out: secret/p10000032.png"}
                """,
                """
                {"FRD":2.5,"FRD low":1,"FRD high":2,"FRD identity":"\(RunFolders.identity)","Pathology":"p10000032",\
                "image":"b-secret.png","prompt":"effusion of the left","subject_id":50414268,"Patient":"p10000032",\
                "path":"/data/secret2","Subgroup":"of 50414267"}
                """,
            ])
        try RunFolders.film(scratch, "gallery-real/p10000032.png", 10)
        try RunFolders.film(scratch, "run/artifacts/films.png", 20)
        try scratch.write(
            "run/artifacts/films.csv",
            "synthetic,real,caption,by,value\n\(scratch.path)/gallery-real/p10000032.png,gallery-real/p10000032.png,"
                + "effusion of the left,secret,0.5\n")
        try scratch.write("run/artifacts/skipped.csv", "side,path,reason\nreal,secret,p10000032 secret\n")
        try scratch.write("run/artifacts/training.csv", "secret\n1\n")
        try scratch.write("run/run.log", "2026-11-28T04:07:13Z left out: secret p10000032\n")
        let text = try page(path, isPrivate: true)
        for secret in secrets + [scratch.path, "data:image", "<img"] { #expect(!text.contains(secret), "\(secret)") }
        for part in ["model-a", "1.500", "Edema", "1 image or row left out"] { #expect(text.contains(part), "\(part)") }
        // The same run's open page has them, so that this test looks for what is there.
        let open = try page(path)
        for secret in secrets.prefix(5) { #expect(open.contains(secret), "\(secret)") }
    }

    /// Nor what a parameter names that some model declares to be a place, even where it looks like a word.
    @Test func aPrivatePageLeavesOutDeclaredPlaces() throws {
        let scratch = try Scratch()
        let path = try RunFolders.write(in: scratch, more: ", palette: cohortfolder, shade: cohortcolour")
        var options = ReportPage.Options()
        options.isPrivate = true
        #expect(try ReportPage.reading([path], options).text().contains("cohortfolder"))
        options.places = ["palette"]
        let text = try ReportPage.reading([path], options).text()
        #expect(!text.contains("cohortfolder") && text.contains("cohortcolour"))
    }

    @Test func filmsStandBesideTheirNearest() throws {
        let scratch = try Scratch()
        let path = try RunFolders.write(in: scratch)
        var lines = "synthetic,real,caption,by,value\n"
        for index in 0..<30 {
            try RunFolders.film(scratch, "films/s\(index).png", UInt8(index), side: 300)
            lines += "films/s\(index).png,films/s0.png,caption \(index),re-identification,\(1 - Double(index) / 100)\n"
        }
        lines += "films/none.png,films/s0.png,gone,re-identification,0\n"
        try scratch.write("run/artifacts/films.csv", lines)
        let text = try page(path)
        #expect(text.contains("The worst by re-identification") && text.contains("The best by re-identification"))
        #expect(text.components(separatedBy: "<img ").count - 1 == 12 * 2 + 11 * 2 + 1)
        #expect(text.contains("caption 0<") && text.contains("caption 29<") && !text.contains("caption 14<"))
        #expect(text.contains("width=\"256\" height=\"256\"") && text.contains("none.png: no such file"))
    }

    /// However much a run holds, its page stays small, and says what it leaves out.
    @Test func pagesAreBounded() throws {
        let scratch = try Scratch()
        let long = String(repeating: "word ", count: 2000)
        let path = try RunFolders.write(
            in: scratch, rows: (0..<3000).map { "{\"FRD\":\($0).5,\"FRD low\":0,\"Pathology\":\"\(long)\($0)\"}" })
        let text = try page(path)
        #expect(text.utf8.count < 2_000_000, "\(text.utf8.count)")
        #expect(text.contains("the first 400 of 3\u{202F}000 rows"))
    }

    @Test func severalRunsShareAPage() throws {
        let scratch = try Scratch()
        for name in ["runs/a", "runs/b"] { try RunFolders.write(in: scratch, name) }
        try scratch.write("runs/rubbish/run.yaml", "x: [")
        try scratch.write("runs/none/file", "")
        let text = try page(scratch.path + "/runs")
        #expect(text.contains("id=\"run2\"") && text.contains("href=\"#run2\"") && text.contains("runs/rubbish"))
        #expect(text.components(separatedBy: "<h1").count - 1 == 3)
    }
}
