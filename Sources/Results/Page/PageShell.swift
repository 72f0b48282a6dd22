/// What every page has around its content: its policy, its look, its bar and its foot.
struct PageShell {
    let title: String
    let navigation: HTML
    let body: HTML
    let remark: HTML

    var text: String {
        let page: HTML = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="\(PageStyle.policy)">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="referrer" content="no-referrer">
            <meta name="color-scheme" content="light dark">
            <title>\(title) · chexgen</title>
            <style>\(HTML(stringLiteral: PageStyle.css))</style>
            </head>
            <body>
            <div class="bar"><nav class="wrap"><b>chexgen</b>\(navigation)</nav></div>
            <main class="wrap">
            \(body)
            </main>
            <footer class="wrap">\(remark)</footer>
            <script>\(HTML(stringLiteral: PageStyle.script))</script>
            </body>
            </html>

            """
        return page.text
    }
}
