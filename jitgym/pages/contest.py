from jitgym.pages.document import Page
def contest_page(x): raise NotImplementedError
